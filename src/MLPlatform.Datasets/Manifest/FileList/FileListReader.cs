using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>Cuts a stream into the records of a file list. Holds one record; for one thread at a time.</summary>
internal sealed class FileListReader(Stream stream, bool isNullSeparated, string list)
{
    // The longest path, three columns and room to spare; what is longer has other separators than we look for.
    private const int MaxRecordBytes = 64 << 10;

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    private readonly byte[] _buffer = new byte[2 * MaxRecordBytes];
    private int _start;
    private int _end;
    private bool _atEnd;
    private Range _record;

    /// <summary>The record as it stands, without its separator. Until the next move.</summary>
    public ReadOnlySpan<byte> Record => _buffer.AsSpan(_record);

    /// <summary>Its number, from 1.</summary>
    public long Line { get; private set; }

    /// <returns>False at the end. Empty records are records.</returns>
    /// <exception cref="CacheException"><c>Configuration</c>: one that is too long, or NUL within a line.</exception>
    public async ValueTask<bool> MoveNextAsync(CancellationToken cancellationToken)
    {
        byte separator = isNullSeparated ? (byte)0 : (byte)'\n';
        while (true)
        {
            int length = _buffer.AsSpan(_start, _end - _start).IndexOf(separator);
            if (length >= 0 || (_atEnd && _start < _end))
            {
                bool isLast = length < 0;
                Take(isLast ? _end - _start : length, isLast);
                return true;
            }

            if (_atEnd)
            {
                return false;
            }

            if (_end - _start > MaxRecordBytes)
            {
                throw TooLong();
            }

            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);

            // A read from a pipe cannot be taken back; but whoever is interrupted must not wait for it.
            int read = await stream.ReadAsync(_buffer.AsMemory(_end), CancellationToken.None).AsTask().WaitAsync(cancellationToken);
            _end += read;
            _atEnd = read == 0;
        }
    }

    private void Take(int length, bool isLast)
    {
        if (length > MaxRecordBytes)
        {
            throw TooLong();
        }

        Line++;
        int from = _start;
        int to = _start + length;
        _start = isLast ? _end : to + 1;
        ReadOnlySpan<byte> record = _buffer.AsSpan(from..to);
        if (!isNullSeparated)
        {
            // Editors of other systems write a mark in front and a carriage return behind.
            from += Line == 1 && record.StartsWith(ByteOrderMark) ? ByteOrderMark.Length : 0;
            to -= to > from && _buffer[to - 1] == '\r' ? 1 : 0;
            if (_buffer.AsSpan(from..to).Contains((byte)0))
            {
                throw new CacheException(CacheError.Configuration, $"{list}, line {Line}: '{new SkippedName(_buffer[from..to], SkipReason.None).DisplayPath}' holds a NUL byte; say --null where records end with NUL.");
            }
        }

        _record = from..to;
    }

    private CacheException TooLong()
    {
        string begin = new SkippedName(_buffer[_start..(_start + 40)], SkipReason.None).DisplayPath;
        string hint = isNullSeparated ? "leave --null away where records end with a line feed" : "say --null where records end with NUL";
        return new CacheException(CacheError.Configuration, $"{list}, line {Line + 1}: '{begin}…' is longer than {MaxRecordBytes} bytes; {hint}.");
    }
}
