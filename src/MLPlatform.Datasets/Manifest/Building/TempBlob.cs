using Microsoft.Win32.SafeHandles;

namespace MLPlatform.Datasets;

/// <summary>Bytes of a section while it is built, in a file. For one thread.</summary>
internal sealed class TempBlob : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly byte[] _buffer = new byte[64 << 10];
    private int _used;
    private long _written;

    public TempBlob(string path) =>
        _file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite, FileShare.None, FileOptions.DeleteOnClose);

    public long Length => _written + _used;

    public void Add(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > _buffer.Length - _used)
        {
            Flush();
        }

        if (bytes.Length > _buffer.Length)
        {
            RandomAccess.Write(_file, bytes, _written);
            _written += bytes.Length;
            return;
        }

        bytes.CopyTo(_buffer.AsSpan(_used));
        _used += bytes.Length;
    }

    /// <summary>Fills a span from a place; what is there was added before.</summary>
    public void Read(Span<byte> destination, long position)
    {
        Flush();
        ReadFully(_file, destination, position);
    }

    /// <summary>Hands the bytes over in order.</summary>
    public void ForEach(Action<ReadOnlySpan<byte>> action)
    {
        Flush();
        for (long position = 0; position < _written;)
        {
            Span<byte> part = _buffer.AsSpan(0, (int)Math.Min(_buffer.Length, _written - position));
            ReadFully(_file, part, position);
            action(part);
            position += part.Length;
        }
    }

    public void Dispose() => _file.Dispose();

    public static void ReadFully(SafeFileHandle file, Span<byte> destination, long position)
    {
        while (!destination.IsEmpty)
        {
            int read = RandomAccess.Read(file, destination, position);
            if (read == 0)
            {
                throw new EndOfStreamException("A temporary file of a manifest was cut short by somebody else.");
            }

            destination = destination[read..];
            position += read;
        }
    }

    private void Flush()
    {
        RandomAccess.Write(_file, _buffer.AsSpan(0, _used), _written);
        _written += _used;
        _used = 0;
    }
}
