using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>
/// All names of one directory as the store had them at one time, in the order of their cookies. Names and order never change; the
/// numbers in the entries are filled in as they are given out, under the lock of the directory it belongs to.
/// </summary>
internal sealed class DirectoryListing
{
    private readonly ulong[] _cookies;
    private readonly int[] _nameEnds;
    private readonly byte[] _names;
    private readonly ListedEntry[] _entries;

    private DirectoryListing(ulong[] cookies, int[] nameEnds, byte[] names, ListedEntry[] entries)
    {
        _cookies = cookies;
        _nameEnds = nameEnds;
        _names = names;
        _entries = entries;
    }

    public int Count => _entries.Length;

    /// <summary>Files and their bytes, for the status.</summary>
    public long Files { get; private init; }

    public long Bytes { get; private init; }

    public long SmallFiles { get; private init; }

    /// <summary>Names left out because no POSIX directory can hold them.</summary>
    public long Skipped { get; private init; }

    /// <summary>When the question was sent, in ticks of the clock: what is known from a later question wins.</summary>
    public required long AskedAt { get; init; }

    /// <summary>Until when the answer may be given to others, in ticks of the clock.</summary>
    public required long ValidUntil { get; init; }

    /// <summary>Set when used, cleared when the memory bound passes by.</summary>
    public bool RecentlyUsed { get; set; }

    public ReadOnlySpan<byte> Name(int index)
    {
        int start = index == 0 ? 0 : _nameEnds[index - 1];
        return _names.AsSpan(start, _nameEnds[index] - start);
    }

    public ulong Cookie(int index) => _cookies[index];

    public ref ListedEntry Entry(int index) => ref _entries[index];

    /// <summary>Index of the first entry behind a cookie; <see cref="Count"/> when there is none.</summary>
    public int IndexAfter(ulong cookie)
    {
        int index = Array.BinarySearch(_cookies, cookie);
        return index >= 0 ? index + 1 : ~index;
    }

    /// <param name="place"><see cref="EntryName.Place"/> of the name.</param>
    /// <returns>Its index, or -1.</returns>
    public int Find(ulong place, ReadOnlySpan<byte> name)
    {
        int index = Array.BinarySearch(_cookies, place);
        for (index = index >= 0 ? index : ~index; index < _cookies.Length && (_cookies[index] & ~EntryName.MaxRank) == place; index++)
        {
            if (Name(index).SequenceEqual(name))
            {
                return index;
            }
        }

        return -1;
    }

    /// <summary>Takes over the numbers of entries that are still the same version.</summary>
    /// <param name="previous">The listing before; its numbers may be filled in meanwhile, those that come too late are found by the node they went to.</param>
    public void InheritNumbers(DirectoryListing previous)
    {
        int old = 0;
        for (int index = 0; index < _entries.Length; index++)
        {
            ulong place = _cookies[index] & ~EntryName.MaxRank;
            while (old < previous.Count && previous._cookies[old] < place)
            {
                old++;
            }

            for (int candidate = old; candidate < previous.Count && (previous._cookies[candidate] & ~EntryName.MaxRank) == place; candidate++)
            {
                if (previous.Name(candidate).SequenceEqual(Name(index)) && _entries[index].IsSameVersion(previous._entries[candidate]))
                {
                    _entries[index].Inode = previous._entries[candidate].Inode;
                }
            }
        }
    }

    /// <summary>Gathers pages into a listing. One caller at a time.</summary>
    /// <param name="directory">Path of the directory in its store.</param>
    /// <param name="mountPoint">Names that other stores take.</param>
    internal sealed class Builder(byte[] directory, MountPoint? mountPoint, int maxEntries, Func<string> describe)
    {
        private readonly List<ListedEntry> _entries = [];
        private readonly List<(ulong Place, int NameStart, byte NameLength, int Entry)> _order = [];
        private byte[] _names = new byte[1024];
        private int _namesLength;
        private long _skipped;

        /// <exception cref="CacheException"><c>Unsupported</c>: more names than one live listing may hold.</exception>
        public void Add(IReadOnlyList<StoreEntry> page)
        {
            foreach (StoreEntry entry in page)
            {
                ReadOnlySpan<byte> path = entry.Path;
                bool isMarker = entry.Kind == StoreEntryKind.File && path is [.., (byte)'/'];
                path = isMarker ? path[..^1] : path;
                if (isMarker && path.SequenceEqual(directory))
                {
                    continue; // The object that some tools leave in place of a directory, here of this one.
                }

                ReadOnlySpan<byte> name = path[(path.LastIndexOf((byte)'/') + 1)..];
                if (!EntryName.IsValid(name) || !ListedEntry.IsUsable(entry))
                {
                    _skipped++;
                }
                else if (mountPoint?.Find(name) is null)
                {
                    Add(name, isMarker ? ListedEntry.PlainDirectory : new ListedEntry(entry));
                }
            }
        }

        public DirectoryListing Build(long askedAt, long validUntil)
        {
            if (mountPoint is not null)
            {
                foreach (MountPoint child in mountPoint.Children)
                {
                    Add(child.Name, ListedEntry.PlainDirectory);
                }
            }

            _order.Sort(Compare);
            var cookies = new List<ulong>(_order.Count);
            var ends = new List<int>(_order.Count);
            var entries = new List<ListedEntry>(_order.Count);
            byte[] names = new byte[_namesLength];
            int end = 0;
            long files = 0, bytes = 0, small = 0;
            ReadOnlySpan<byte> before = default;
            foreach ((ulong place, int start, byte length, int at) in _order)
            {
                ReadOnlySpan<byte> name = _names.AsSpan(start, length);
                if (name.SequenceEqual(before))
                {
                    continue; // A directory sorts before a file of its name and shadows it.
                }

                before = name;
                name.CopyTo(names.AsSpan(end));
                end += length;
                ulong rank = cookies.Count > 0 && (cookies[^1] & ~EntryName.MaxRank) == place ? Math.Min((cookies[^1] & EntryName.MaxRank) + 1, EntryName.MaxRank) : 0;
                cookies.Add(place | rank);
                ends.Add(end);
                ListedEntry entry = _entries[at];
                entries.Add(entry);
                if (entry.Kind == StoreEntryKind.File)
                {
                    files++;
                    bytes += entry.Size;
                    small += entry.Size <= 1 << 20 ? 1 : 0;
                }
            }

            return new DirectoryListing([.. cookies], [.. ends], names, [.. entries])
            {
                AskedAt = askedAt,
                ValidUntil = validUntil,
                Files = files,
                Bytes = bytes,
                SmallFiles = small,
                Skipped = _skipped,
            };
        }

        private void Add(ReadOnlySpan<byte> name, in ListedEntry entry)
        {
            if (_entries.Count >= maxEntries)
            {
                throw new CacheException(CacheError.Unsupported, $"{describe()} holds more than {maxEntries} names, more than a live listing may keep in memory; mount with --wait, or add it with 'mlp dataset add'.");
            }

            if (_namesLength + name.Length > _names.Length)
            {
                Array.Resize(ref _names, _names.Length * 2);
            }

            name.CopyTo(_names.AsSpan(_namesLength));
            _order.Add((EntryName.Place(name), _namesLength, (byte)name.Length, _entries.Count));
            _namesLength += name.Length;
            _entries.Add(entry);
        }

        private int Compare((ulong Place, int NameStart, byte NameLength, int Entry) x, (ulong Place, int NameStart, byte NameLength, int Entry) y)
        {
            int order = x.Place.CompareTo(y.Place);
            if (order == 0)
            {
                order = _names.AsSpan(x.NameStart, x.NameLength).SequenceCompareTo(_names.AsSpan(y.NameStart, y.NameLength));
            }

            if (order == 0)
            {
                order = ((int)_entries[x.Entry].Kind).CompareTo((int)_entries[y.Entry].Kind); // Directory is 0.
            }

            return order;
        }
    }
}
