using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace MLPlatform.Datasets;

/// <summary>
/// Directories whose children are still to come, first in, first out. Level by level a tree's directories can be many at once, so they
/// wait in a file. For one thread.
/// </summary>
internal sealed class DirectoryQueue : IDisposable
{
    private const int HeaderBytes = 12;

    private readonly SafeFileHandle _file;
    private readonly byte[] _out = new byte[128 << 10];
    private readonly byte[] _in = new byte[128 << 10];
    private int _outUsed;
    private long _written;
    private int _inStart;
    private int _inEnd;
    private long _read;
    private int _pathLength;

    public DirectoryQueue(string path) =>
        _file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite, FileShare.None, FileOptions.DeleteOnClose);

    /// <summary>Key of the directory that was taken last.</summary>
    public ReadOnlySpan<byte> Path => _in.AsSpan(_inStart - _pathLength, _pathLength);

    /// <summary>Its row in the previous version, or −1.</summary>
    public long PreviousRow { get; private set; }

    public void Enqueue(ReadOnlySpan<byte> path, long previousRow)
    {
        if (_outUsed + HeaderBytes + path.Length > _out.Length)
        {
            Flush();
        }

        Span<byte> record = _out.AsSpan(_outUsed);
        BinaryPrimitives.WriteInt32LittleEndian(record, path.Length);
        BinaryPrimitives.WriteInt64LittleEndian(record[4..], previousRow);
        path.CopyTo(record[HeaderBytes..]);
        _outUsed += HeaderBytes + path.Length;
    }

    public bool TryDequeue()
    {
        if (!Require(HeaderBytes))
        {
            return false;
        }

        int length = BinaryPrimitives.ReadInt32LittleEndian(_in.AsSpan(_inStart));
        PreviousRow = BinaryPrimitives.ReadInt64LittleEndian(_in.AsSpan(_inStart + 4));
        Require(HeaderBytes + length);
        _pathLength = length;
        _inStart += HeaderBytes + length;
        return true;
    }

    public void Dispose() => _file.Dispose();

    private bool Require(int count)
    {
        if (_inEnd - _inStart >= count)
        {
            return true;
        }

        _in.AsSpan(_inStart, _inEnd - _inStart).CopyTo(_in);
        _inEnd -= _inStart;
        _inStart = 0;
        if (_read == _written)
        {
            Flush();
        }

        int wanted = (int)Math.Min(_in.Length - _inEnd, _written - _read);
        TempBlob.ReadFully(_file, _in.AsSpan(_inEnd, wanted), _read);
        _read += wanted;
        _inEnd += wanted;
        if (_inEnd < count && _outUsed > 0)
        {
            return Require(count);
        }

        return _inEnd >= count;
    }

    private void Flush()
    {
        RandomAccess.Write(_file, _out.AsSpan(0, _outUsed), _written);
        _written += _outUsed;
        _outUsed = 0;
    }
}
