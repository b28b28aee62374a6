using System.Runtime.CompilerServices;

namespace MLPlatform.Datasets;

/// <summary>An array of numbers in a manifest, each stored in as few bytes as its manifest needs. A view: it owns nothing.</summary>
internal readonly unsafe struct Column
{
    private readonly ManifestPages _pages;
    private readonly long _offset;
    private readonly int _width;
    private readonly ulong _mask;
    private readonly ulong _base;
    private readonly ulong _unit;

    /// <param name="section">Its extent was found to lie inside the file.</param>
    public Column(ManifestPages pages, in ManifestSection section)
    {
        _pages = pages;
        _offset = section.Offset;
        _width = section.Width;
        _mask = section.Width == 8 ? ulong.MaxValue : (1UL << (8 * section.Width)) - 1;
        _base = section.Base;
        _unit = section.Unit;
        Count = section.Count;
    }

    /// <summary>A column of zeros that takes no space.</summary>
    public Column(ManifestPages pages, long count)
    {
        _pages = pages;
        Count = count;
    }

    public long Count { get; }

    public ulong this[long index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            if ((ulong)index >= (ulong)Count)
            {
                ThrowOutside();
            }

            if (_width == 0)
            {
                return _base;
            }

            // Eight bytes whatever the width: the tail of the file makes room for the last one, and what does not belong is masked off.
            byte* element = _pages.Touch(_offset + (index * _width), _width);
            return _base + ((Unsafe.ReadUnaligned<ulong>(element) & _mask) * _unit);
        }
    }

    /// <summary>The last index in <paramref name="low"/> … <paramref name="high"/> − 1 whose element is at most <paramref name="value"/>, of a column that never falls; or <paramref name="low"/> − 1.</summary>
    public long LastAtMost(ulong value, long low, long high)
    {
        while (low < high)
        {
            long middle = low + ((high - low) >> 1);
            if (this[middle] <= value)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low - 1;
    }

    private void ThrowOutside() => throw _pages.Damaged("a column is read outside its bounds");
}
