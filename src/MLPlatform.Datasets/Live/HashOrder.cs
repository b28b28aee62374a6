namespace MLPlatform.Datasets;

/// <summary>
/// One directory of a manifest in the order in which a live tree lists it, for whoever began to read it live and goes on after the tree was pinned.
/// Immutable.
/// </summary>
internal sealed class HashOrder
{
    private readonly Manifest _manifest;
    private readonly ulong[] _cookies;
    private readonly long[] _rows;

    private HashOrder(Manifest manifest, ulong[] cookies, long[] rows)
    {
        _manifest = manifest;
        _cookies = cookies;
        _rows = rows;
    }

    public static HashOrder Of(Manifest manifest, long directoryRow)
    {
        int count = checked((int)manifest.ChildrenOf(directoryRow).Count);
        ulong[] cookies = new ulong[count];
        long[] rows = new long[count];
        NameCursor children = manifest.Children(directoryRow);
        for (int i = 0; children.MoveNext(); i++)
        {
            cookies[i] = EntryName.Place(children.Name);
            rows[i] = children.Row;
        }

        Array.Sort(cookies, rows);
        for (int i = 1; i < count; i++)
        {
            if ((cookies[i - 1] & ~EntryName.MaxRank) == cookies[i])
            {
                // Rows stand in the order of their names, and so do ranks; a handful at most.
                int j = i;
                for (; j > 0 && (cookies[j - 1] & ~EntryName.MaxRank) == cookies[i] && rows[j - 1] > rows[j]; j--)
                {
                    (rows[j - 1], rows[j]) = (rows[j], rows[j - 1]);
                }

                cookies[i] |= Math.Min((cookies[i - 1] & EntryName.MaxRank) + 1, EntryName.MaxRank);
            }
        }

        return new HashOrder(manifest, cookies, rows);
    }

    public void Read<TSink>(ulong cookie, ref TSink sink)
        where TSink : IDirectorySink, allows ref struct
    {
        int index = Array.BinarySearch(_cookies, cookie);
        for (index = index >= 0 ? index + 1 : ~index; index < _rows.Length; index++)
        {
            _manifest.GetEntry(_rows[index], out TreeEntry entry);
            if (!sink.TryAdd(_manifest.NameOf(_rows[index]), entry, _cookies[index]))
            {
                return;
            }
        }
    }
}
