namespace MLPlatform.Datasets;

/// <summary>
/// Walks the front-coded names of consecutive rows, decoding each from the one before. A mutable struct to keep in a local variable:
/// <see cref="Name"/> points into it.
/// </summary>
public unsafe struct NameCursor
{
    private readonly Manifest _manifest;
    private readonly long _end;
    private NameBuffer _name;
    private int _length;
    private byte* _next;
    private byte* _groupEnd;

    internal NameCursor(Manifest manifest, long firstRow, long count)
    {
        _manifest = manifest;
        _end = firstRow + count;
        Row = firstRow - 1;
    }

    /// <summary>The current row, once <see cref="MoveNext"/> returned true.</summary>
    public long Row { get; private set; }

    /// <summary>Its name.</summary>
    [System.Diagnostics.CodeAnalysis.UnscopedRef]
    public readonly ReadOnlySpan<byte> Name => ((ReadOnlySpan<byte>)_name)[.._length];

    public bool MoveNext()
    {
        if (Row + 1 >= _end)
        {
            return false;
        }

        Row++;
        long position = Row & (ManifestFormat.NameGroupRows - 1);
        if (position == 0 || _next is null)
        {
            _next = _manifest.NameGroup(Row >> ManifestFormat.NameGroupShift, out _groupEnd);
            for (long skipped = 0; skipped < position; skipped++)
            {
                Decode();
            }
        }

        Decode();
        return true;
    }

    private void Decode() => _next = _manifest.DecodeName(_next, _groupEnd, _name, ref _length);
}
