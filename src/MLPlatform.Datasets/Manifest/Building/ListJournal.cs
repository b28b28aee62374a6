using System.Buffers.Binary;
using System.IO.Hashing;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace MLPlatform.Datasets;

/// <summary>
/// An append-only file of checkpoints from which a killed listing goes on. Records are <c>u32 length, u32 CRC-32, bytes</c>; what follows
/// the last whole one was being written when the process died and is cut off. For one thread at a time.
/// </summary>
internal sealed class ListJournal : IDisposable
{
    private const int RecordHeaderBytes = 8;

    // Changes with the layout of the journal, of runs or of records: an mlp of another age starts anew.
    private const string Format = "mlp listing 2";

    private readonly SafeFileHandle _file;
    private long _length;

    private ListJournal(SafeFileHandle file, long length)
    {
        _file = file;
        _length = length;
    }

    /// <summary>Starts a journal, in place of any there is.</summary>
    public static ListJournal Create(string path, ManifestBuilderOptions options)
    {
        SafeFileHandle file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite);
        var journal = new ListJournal(file, 0);
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes);
        writer.Write(KeyOf(options));
        writer.Write(options.Time.GetUtcNow().ToUnixTimeMilliseconds());
        writer.Flush();
        journal.Append(bytes, durable: false); // Says nothing without a checkpoint behind it, whose flush covers it.
        return journal;
    }

    /// <summary>Opens the journal of an interrupted listing of the same thing.</summary>
    /// <returns>Null when there is none, or none that may be gone on with.</returns>
    public static ListJournal? TryOpen(string path, ManifestBuilderOptions options)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        long length = 0;
        byte[]? start = ReadRecord(file, ref length);
        if (start is null || !IsUsable(start, options))
        {
            file.Dispose();
            return null;
        }

        while (ReadRecord(file, ref length) is not null)
        {
        }

        RandomAccess.SetLength(file, length);
        return new ListJournal(file, length);
    }

    /// <summary>All checkpoints, oldest first.</summary>
    public IEnumerable<ListCheckpoint> Replay()
    {
        long position = 0;
        ReadRecord(_file, ref position);
        while (position < _length && ReadRecord(_file, ref position) is { } record)
        {
            using var reader = new BinaryReader(new MemoryStream(record));
            yield return ListCheckpoint.Read(reader);
        }
    }

    /// <summary>Adds a checkpoint and waits until the disk has it. Its run is there already.</summary>
    public void Append(ListCheckpoint checkpoint)
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes);
        checkpoint.Write(writer);
        writer.Flush();
        Append(bytes, durable: true);
    }

    public void Dispose() => _file.Dispose();

    private static byte[] KeyOf(ManifestBuilderOptions options)
    {
        var text = new StringBuilder();
        void Add(string part) => text.Append(part.Length).Append(':').Append(part);
        Add(Format);
        Add(options.DatasetName);
        Add(options.ListingKey);
        Add(options.IndexTar ? "tar" : "");
        foreach (ManifestMount mount in options.Mounts)
        {
            Add(mount.Path);
            Add(mount.Uri);
        }

        return SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()));
    }

    private static bool IsUsable(byte[] start, ManifestBuilderOptions options)
    {
        if (start.Length != SHA256.HashSizeInBytes + sizeof(long) || !start.AsSpan(0, SHA256.HashSizeInBytes).SequenceEqual(KeyOf(options)))
        {
            return false;
        }

        TimeSpan age = options.Time.GetUtcNow() - DateTimeOffset.FromUnixTimeMilliseconds(BinaryPrimitives.ReadInt64LittleEndian(start.AsSpan(SHA256.HashSizeInBytes)));
        return age >= TimeSpan.Zero && age <= options.ResumeWithin;
    }

    /// <returns>Null at the end or where the rest is torn; <paramref name="position"/> then stays.</returns>
    private static byte[]? ReadRecord(SafeFileHandle file, ref long position)
    {
        Span<byte> header = stackalloc byte[RecordHeaderBytes];
        if (RandomAccess.GetLength(file) - position < RecordHeaderBytes)
        {
            return null;
        }

        TempBlob.ReadFully(file, header, position);
        int length = BinaryPrimitives.ReadInt32LittleEndian(header);
        if (length <= 0 || length > RandomAccess.GetLength(file) - position - RecordHeaderBytes)
        {
            return null;
        }

        byte[] record = new byte[length];
        TempBlob.ReadFully(file, record, position + RecordHeaderBytes);
        if (Crc32.HashToUInt32(record) != BinaryPrimitives.ReadUInt32LittleEndian(header[4..]))
        {
            return null;
        }

        position += RecordHeaderBytes + length;
        return record;
    }

    private void Append(MemoryStream bytes, bool durable)
    {
        ReadOnlySpan<byte> record = bytes.GetBuffer().AsSpan(0, (int)bytes.Length);
        Span<byte> header = stackalloc byte[RecordHeaderBytes];
        BinaryPrimitives.WriteInt32LittleEndian(header, record.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], Crc32.HashToUInt32(record));
        RandomAccess.Write(_file, header, _length);
        RandomAccess.Write(_file, record, _length + RecordHeaderBytes);
        if (durable)
        {
            RandomAccess.FlushToDisk(_file);
        }

        _length += RecordHeaderBytes + record.Length;
    }
}
