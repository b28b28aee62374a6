using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>Reads what <see cref="RunFile"/> wrote, in order, and checks it on the way. For one thread.</summary>
internal sealed unsafe class RunSource : RecordSource
{
    private readonly string _path;
    private readonly SafeFileHandle _file;
    private readonly XxHash3 _hash = new();
    private byte* _buffer;
    private int _start;
    private int _end;
    private long _position;
    private bool _finished;

    public RunSource(string path)
    {
        _path = path;
        _file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, options: FileOptions.SequentialScan);
        _buffer = (byte*)NativeMemory.Alloc(RunFile.BufferBytes);
    }

    public override bool MoveNext()
    {
        if (_finished)
        {
            return false;
        }

        Require(SortRecord.HeaderBytes);
        byte* record = _buffer + _start;
        int key = SortRecord.KeyLength(record);
        if (key == 0)
        {
            Finish();
            return false;
        }

        int length = SortRecord.Length(record);
        if (key < SortRecord.DepthBytes || length > SortRecord.MaxBytes)
        {
            throw Damaged();
        }

        Require(length);
        Record = _buffer + _start;
        _hash.Append(new ReadOnlySpan<byte>(Record, length));
        _start += length;
        return true;
    }

    public override void Dispose()
    {
        _file.Dispose();
        NativeMemory.Free(_buffer);
        _buffer = null;
    }

    private void Finish()
    {
        Require(RunFile.TrailerBytes);
        ulong stored = BinaryPrimitives.ReadUInt64LittleEndian(new ReadOnlySpan<byte>(_buffer + _start + SortRecord.HeaderBytes, sizeof(ulong)));
        if (stored != _hash.GetCurrentHashAsUInt64())
        {
            throw Damaged();
        }

        _finished = true;
    }

    private void Require(int count)
    {
        if (_end - _start >= count)
        {
            return;
        }

        Buffer.MemoryCopy(_buffer + _start, _buffer, RunFile.BufferBytes, _end - _start);
        _end -= _start;
        _start = 0;
        while (_end < count)
        {
            int read = RandomAccess.Read(_file, new Span<byte>(_buffer + _end, RunFile.BufferBytes - _end), _position);
            if (read == 0)
            {
                throw Damaged();
            }

            _end += read;
            _position += read;
        }
    }

    private CacheException Damaged() => new(CacheError.Corrupt, $"The unfinished listing in {Path.GetDirectoryName(_path)} is damaged ({Path.GetFileName(_path)}); remove that folder and list again.");
}
