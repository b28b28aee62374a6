using System.Buffers.Binary;
using System.IO.Hashing;
using Microsoft.Win32.SafeHandles;

namespace MLPlatform.Datasets;

/// <summary>Writes sorted records to a file: the records, equal ones once, four zero bytes, XXH3 of the records.</summary>
internal static unsafe class RunFile
{
    public const int BufferBytes = 64 << 10;
    public const int TrailerBytes = SortRecord.HeaderBytes + sizeof(ulong);

    /// <param name="durable">Wait until the disk has it.</param>
    public static void Write(string path, RecordSource sorted, bool durable, CancellationToken cancellationToken)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Create, FileAccess.Write);
        var hash = new XxHash3();
        byte[] buffer = new byte[BufferBytes];
        int used = 0;
        long position = 0;
        var last = new MemoryStream();
        while (sorted.MoveNext())
        {
            ReadOnlySpan<byte> record = new SortRecord(sorted.Record).Bytes;
            if (record.SequenceEqual(last.GetBuffer().AsSpan(0, (int)last.Length)))
            {
                continue;
            }

            last.SetLength(0);
            last.Write(record);
            if (used + record.Length > buffer.Length)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Flush();
            }

            record.CopyTo(buffer.AsSpan(used));
            used += record.Length;
        }

        Flush();
        Span<byte> trailer = stackalloc byte[TrailerBytes];
        trailer.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(trailer[SortRecord.HeaderBytes..], hash.GetCurrentHashAsUInt64());
        RandomAccess.Write(file, trailer, position);
        if (durable)
        {
            RandomAccess.FlushToDisk(file);
        }

        void Flush()
        {
            hash.Append(buffer.AsSpan(0, used));
            RandomAccess.Write(file, buffer.AsSpan(0, used), position);
            position += used;
            used = 0;
        }
    }
}
