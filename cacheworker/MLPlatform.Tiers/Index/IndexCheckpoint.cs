using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;
using MLPlatform.Tiers.Devices;

namespace MLPlatform.Tiers.Index;

/// <summary>
/// A checkpoint of the index, format 1 (docs/FORMAT.md): a header, the caller's note, all entries. Written beside the one before and renamed over
/// it, so a directory holds at most two.
/// </summary>
internal static unsafe class IndexCheckpoint
{
    public const string FileName = "index.checkpoint";
    public const string NewName = "index.checkpoint.new";
    public const string AsideName = "index.checkpoint.bad";

    public const int HeaderBytes = 64;
    public const int EntryBytes = 40;

    /// <summary>A note is a few numbers for each device.</summary>
    public const int MaxCoverageBytes = 1 << 20;

    private const uint Format = 1;
    private const int BufferEntries = 16_384;

    private static ReadOnlySpan<byte> Magic => "mlp-bidx"u8;

    /// <summary>Writes a checkpoint in the place of the last one.</summary>
    /// <param name="forEach">Visits all entries. An entry seen twice is in the file twice; the later one counts.</param>
    /// <exception cref="CacheException"><c>DeviceFull</c> or <c>DeviceFailed</c>: the last one is still there.</exception>
    public static void Write(IDeviceFiles files, string directory, ReadOnlySpan<byte> coverage, Action<Func<FileKey, RecordLocation, bool>> forEach, CancellationToken cancellationToken)
    {
        Invariant.That(coverage.Length <= MaxCoverageBytes && sizeof(IndexEntry) == EntryBytes && BitConverter.IsLittleEndian);
        string unfinished = Path.Combine(directory, NewName);
        files.Delete(unfinished);
        try
        {
            using (SafeFileHandle file = files.OpenWrite(unfinished, create: true))
            {
                WriteContent(files, file, coverage, forEach, cancellationToken);
                files.Sync(file);
            }

            files.Rename(unfinished, Path.Combine(directory, FileName));
        }
        catch
        {
            // A full disk needs the space back.
            TryDo(() => files.Delete(unfinished));
            throw;
        }
    }

    /// <summary>Reads the last checkpoint. What <paramref name="add"/> was given counts only when this returns.</summary>
    /// <param name="begin">Called once, before the first entry, with their number.</param>
    /// <returns>The note.</returns>
    /// <exception cref="CacheException"><c>NotFound</c>: there is none; <c>Unsupported</c>, <c>Corrupt</c>, <c>DeviceFailed</c>: it cannot be used, and why.</exception>
    public static byte[] Read(IDeviceFiles files, string directory, Action<long> begin, Action<IndexEntry> add)
    {
        // A leftover of a killed writer holds as much space as a checkpoint.
        TryDo(() => files.Delete(Path.Combine(directory, NewName)));
        using SafeFileHandle file = files.OpenRead(Path.Combine(directory, FileName));
        IndexEntry* buffer = (IndexEntry*)NativeMemory.Alloc(BufferEntries, EntryBytes);
        try
        {
            long fileBytes = files.Length(file);
            Fill(files, file, buffer, HeaderBytes, 0);
            ReadOnlySpan<byte> header = new(buffer, HeaderBytes);
            if (!header.StartsWith(Magic))
            {
                throw new CacheException(CacheError.Corrupt, "It does not begin as a checkpoint does.");
            }

            uint format = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
            if (format != Format)
            {
                throw new CacheException(CacheError.Unsupported, $"It has format {format}, and this version reads format {Format}.");
            }

            long entries = BinaryPrimitives.ReadInt64LittleEndian(header[16..]);
            int noteBytes = BinaryPrimitives.ReadInt32LittleEndian(header[24..]);
            uint expected = BinaryPrimitives.ReadUInt32LittleEndian(header[28..]);
            if (Crc32C.Of(header[..60]) != BinaryPrimitives.ReadUInt32LittleEndian(header[60..])
                || BinaryPrimitives.ReadUInt32LittleEndian(header[12..]) != EntryBytes
                || noteBytes is < 0 or > MaxCoverageBytes
                || entries is < 0 or > long.MaxValue / 1024
                || fileBytes != HeaderBytes + noteBytes + (entries * EntryBytes))
            {
                throw new CacheException(CacheError.Corrupt, "Its header is damaged, or it has another length than the header says.");
            }

            byte[] note = new byte[noteBytes];
            long offset = HeaderBytes;
            fixed (byte* p = note)
            {
                Fill(files, file, p, noteBytes, offset);
            }

            offset += noteBytes;
            uint crc = Crc32C.Of(note);
            begin(entries);
            for (long left = entries; left > 0;)
            {
                int count = (int)Math.Min(left, BufferEntries);
                Fill(files, file, buffer, count * EntryBytes, offset);
                crc = Crc32C.Append(crc, new ReadOnlySpan<byte>(buffer, count * EntryBytes));
                for (int i = 0; i < count; i++)
                {
                    add(buffer[i]);
                }

                offset += count * EntryBytes;
                left -= count;
            }

            return crc == expected ? note : throw new CacheException(CacheError.Corrupt, "Its checksum is wrong.");
        }
        finally
        {
            NativeMemory.Free(buffer);
        }
    }

    /// <summary>Moves a checkpoint that cannot be used out of the way, in the place of an earlier such one. Where that fails the next checkpoint replaces it.</summary>
    public static void SetAside(IDeviceFiles files, string directory) =>
        TryDo(() => files.Rename(Path.Combine(directory, FileName), Path.Combine(directory, AsideName)));

    private static void WriteContent(
        IDeviceFiles files, SafeFileHandle file, ReadOnlySpan<byte> coverage, Action<Func<FileKey, RecordLocation, bool>> forEach, CancellationToken cancellationToken)
    {
        IndexEntry* buffer = (IndexEntry*)NativeMemory.Alloc(BufferEntries, EntryBytes);
        try
        {
            long offset = HeaderBytes;
            if (!coverage.IsEmpty)
            {
                fixed (byte* p = coverage)
                {
                    files.Write(file, [new NativeSegment((nint)p, coverage.Length)], offset);
                }
            }

            offset += coverage.Length;
            uint crc = Crc32C.Of(coverage);
            long entries = 0;
            int filled = 0;
            void Flush()
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (filled > 0)
                {
                    crc = Crc32C.Append(crc, new ReadOnlySpan<byte>(buffer, filled * EntryBytes));
                    files.Write(file, [new NativeSegment((nint)buffer, filled * EntryBytes)], offset);
                    offset += filled * EntryBytes;
                    entries += filled;
                    filled = 0;
                }
            }

            forEach((key, location) =>
            {
                buffer[filled++] = new IndexEntry { Key = key, Location = location };
                if (filled == BufferEntries)
                {
                    Flush();
                }

                return true;
            });
            Flush();

            Span<byte> header = new(buffer, HeaderBytes);
            header.Clear();
            Magic.CopyTo(header);
            BinaryPrimitives.WriteUInt32LittleEndian(header[8..], Format);
            BinaryPrimitives.WriteUInt32LittleEndian(header[12..], EntryBytes);
            BinaryPrimitives.WriteInt64LittleEndian(header[16..], entries);
            BinaryPrimitives.WriteInt32LittleEndian(header[24..], coverage.Length);
            BinaryPrimitives.WriteUInt32LittleEndian(header[28..], crc);
            BinaryPrimitives.WriteUInt32LittleEndian(header[60..], Crc32C.Of(header[..60]));
            files.Write(file, [new NativeSegment((nint)buffer, HeaderBytes)], 0);
        }
        finally
        {
            NativeMemory.Free(buffer);
        }
    }

    private static void Fill(IDeviceFiles files, SafeFileHandle file, void* destination, int count, long offset)
    {
        if (files.Read(file, (nint)destination, count, offset, DeviceRead.DontCache) != count)
        {
            throw new CacheException(CacheError.Corrupt, "It ends early.");
        }
    }

    private static void TryDo(Action action)
    {
        try
        {
            action();
        }
        catch (CacheException)
        {
            // Whoever asks for it goes on either way.
        }
    }
}
