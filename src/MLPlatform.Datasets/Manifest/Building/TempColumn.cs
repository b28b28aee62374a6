using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MLPlatform.Datasets;

/// <summary>A column while it is built: eight bytes per element in a file, so that ten million rows cost no memory. For one thread.</summary>
internal sealed class TempColumn : IDisposable
{
    private const int BufferElements = 4096;

    private readonly SafeFileHandle _file;
    private readonly long[] _buffer = new long[BufferElements];
    private int _used;
    private long _written;

    public TempColumn(string path) =>
        _file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite, FileShare.None, FileOptions.DeleteOnClose);

    public long Count => _written + _used;

    public void Add(long value)
    {
        if (_used == BufferElements)
        {
            Flush();
        }

        _buffer[_used++] = value;
    }

    /// <summary>Opens the elements for changes; nothing is added meanwhile.</summary>
    public MappedColumn Map()
    {
        Flush();
        return new MappedColumn(_file, Count);
    }

    /// <summary>How the elements are stored best.</summary>
    /// <param name="findUnit">Divide by what all differences have in common, as times in whole seconds have.</param>
    public ColumnPlan Plan(bool findUnit = false)
    {
        long min = long.MaxValue;
        long max = long.MinValue;
        ulong unit = 0;
        long? first = null;
        ForEach(values =>
        {
            first ??= values[0];
            foreach (long value in values)
            {
                min = Math.Min(min, value);
                max = Math.Max(max, value);
                if (findUnit && unit != 1)
                {
                    ulong difference = (ulong)(value > first ? value - first.Value : first.Value - value);
                    unit = GreatestCommonDivisor(difference, unit);
                }
            }
        });
        if (Count == 0)
        {
            return new ColumnPlan(0, 0, 0, 1);
        }

        unit = unit == 0 ? 1 : unit;
        ulong range = unchecked((ulong)max - (ulong)min) / unit;
        int width = (71 - BitOperations.LeadingZeroCount(range)) / 8;
        return new ColumnPlan(Count, width, unchecked((ulong)min), unit);
    }

    /// <summary>Fills a span with the elements from <paramref name="index"/> on.</summary>
    public void Read(Span<long> destination, long index)
    {
        Flush();
        TempBlob.ReadFully(_file, MemoryMarshal.AsBytes(destination), index * sizeof(long));
    }

    /// <summary>Hands the elements over in order, some thousand at a time.</summary>
    public void ForEach(Action<ReadOnlySpan<long>> action)
    {
        Flush();
        long position = 0;
        while (position < _written)
        {
            Span<long> part = _buffer.AsSpan(0, (int)Math.Min(BufferElements, _written - position));
            TempBlob.ReadFully(_file, MemoryMarshal.AsBytes(part), position * sizeof(long));
            action(part);
            position += part.Length;
        }
    }

    public void Dispose() => _file.Dispose();

    private static ulong GreatestCommonDivisor(ulong a, ulong b)
    {
        while (b != 0)
        {
            (a, b) = (b, a % b);
        }

        return a;
    }

    private void Flush()
    {
        RandomAccess.Write(_file, MemoryMarshal.AsBytes(_buffer.AsSpan(0, _used)), _written * sizeof(long));
        _written += _used;
        _used = 0;
    }
}
