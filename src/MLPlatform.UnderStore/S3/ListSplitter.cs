namespace MLPlatform.UnderStore.S3;

/// <summary>
/// Cuts the rest of one key range into parts that can be listed side by side. Directories below the prefix give cuts where
/// there are some; where there are none, a few requests for one key each find the middle of the range. A cut at a name b
/// leaves everything up to and including b on its left, so every key is on one side whatever the guesses were worth.
/// One enumeration owns it.
/// </summary>
/// <param name="prefix">The unit's, below the store's root.</param>
/// <param name="isPart">The unit was itself cut off or taken up again, so its size is probably right already.</param>
internal sealed class ListSplitter(S3UnderStore store, byte[] prefix, bool isPart)
{
    // Listing a part costs one page that is not full, so with this many the cost is an eighth.
    private const int PagesPerPart = 8;

    // Enough to keep a store's parallelism busy from one probe; parts that prove large are cut again.
    private const int MaxParts = 16;

    // A range without directories has shown by then that it is worth the probes.
    private const int PagesBeforeGuess = 4;

    private int _pages;
    private long _names;
    private byte[]? _first;
    private byte[]? _name;

    /// <summary>Counts the names below the prefix that keys so far stand under, for an estimate of what is still to come.</summary>
    public void Listed(byte[] key)
    {
        _first ??= key;
        ReadOnlySpan<byte> rest = key.AsSpan(store.RootLength + prefix.Length);
        int slash = rest.IndexOf((byte)'/');
        ReadOnlySpan<byte> name = slash < 0 ? rest : rest[..(slash + 1)];
        if (_name is null || !name.SequenceEqual(_name))
        {
            _name = name.ToArray();
            _names++;
        }
    }

    /// <summary>After a page that was not the last.</summary>
    /// <param name="last">Last key listed; the rest begins after it.</param>
    /// <param name="before">The rest's end, exclusive; null is the prefix's end.</param>
    /// <returns>The rest's new end and the parts beyond it.</returns>
    public async ValueTask<(byte[]? Before, IReadOnlyList<ListUnit> Parts)> SplitAsync(byte[] last, byte[]? before, CancellationToken cancellationToken)
    {
        _pages++;
        if (!(_pages == 1 && !isPart) && _pages % PagesPerPart != PagesBeforeGuess)
        {
            return (before, []);
        }

        ListAnswer level = await store.ProbeAsync(prefix, delimiter: true, maxKeys: 1000, last, cancellationToken);
        List<byte[]> names = [];
        foreach (byte[] common in level.CommonPrefixes)
        {
            if (common.AsSpan().SequenceCompareTo(last) > 0 && (before is null || common.AsSpan().SequenceCompareTo(before) < 0))
            {
                names.Add(common);
            }
        }

        if (names.Count > 0)
        {
            // As many pages for each name to come as the names so far took.
            long pagesLeft = (long)names.Count * _pages / Math.Max(1, _names);
            int parts = (int)Math.Clamp(pagesLeft / PagesPerPart, 0, Math.Min(MaxParts, names.Count));
            return parts == 0 ? (before, []) : Cut(Spread(names, parts), before);
        }

        return _pages < PagesBeforeGuess ? (before, []) : await HalveAsync(last, before, cancellationToken);
    }

    /// <summary>Everything up to <paramref name="key"/> and nothing after it, as an exclusive end: no key lies between the two.</summary>
    private static byte[] JustAfter(byte[] key) => [.. key, 0];

    /// <summary>Names that divide <paramref name="names"/> into <paramref name="parts"/> + 1 runs of about equal length, the first of which the present enumeration keeps.</summary>
    private static List<byte[]> Spread(List<byte[]> names, int parts)
    {
        List<byte[]> chosen = new(parts);
        for (int i = 1; i <= parts; i++)
        {
            chosen.Add(names[(int)((long)i * names.Count / (parts + 1))]);
        }

        return chosen;
    }

    private (byte[]? Before, IReadOnlyList<ListUnit> Parts) Cut(List<byte[]> cuts, byte[]? before)
    {
        List<ListUnit> parts = new(cuts.Count);
        for (int i = 0; i < cuts.Count; i++)
        {
            byte[]? end = i + 1 < cuts.Count ? JustAfter(cuts[i + 1]) : before;
            parts.Add(new ListUnit(prefix, cuts[i][store.RootLength..], end?[store.RootLength..]));
        }

        return (JustAfter(cuts[0]), parts);
    }

    /// <summary>
    /// Looks for a key well beyond <paramref name="last"/>. Keys that count upwards share what stands left of the place where
    /// those listed so far begin to differ, but for a carry; so that place and the two before it are tried, each halved until a key is found.
    /// </summary>
    private async ValueTask<(byte[]? Before, IReadOnlyList<ListUnit> Parts)> HalveAsync(byte[] last, byte[]? before, CancellationToken cancellationToken)
    {
        int differ = _first!.AsSpan().CommonPrefixLength(last);
        for (int place = Math.Max(store.RootLength + prefix.Length, differ - 2); place <= differ && place < last.Length; place++)
        {
            int low = last[place];
            int high = AfterAlphabetOf(last[place]);
            while (high - low >= 2)
            {
                int middle = (low + high) / 2;
                byte[] guess = [.. last.AsSpan(0, place), (byte)middle];
                if (before is null || guess.AsSpan().SequenceCompareTo(before) < 0)
                {
                    ListAnswer found = await store.ProbeAsync(prefix, delimiter: false, maxKeys: 1, guess, cancellationToken);
                    byte[]? key = found.Keys.Count > 0 ? found.Keys[0].Key : null;
                    if (key is not null && key.AsSpan().SequenceCompareTo(guess) > 0 && (before is null || key.AsSpan().SequenceCompareTo(before) < 0))
                    {
                        return Cut([key], before);
                    }
                }

                high = middle;
            }
        }

        return (before, []);
    }

    /// <summary>Names mostly go on with a character of the same kind. Only printable ASCII is guessed: a key is UTF-8, and a piece of a character is none.</summary>
    private static int AfterAlphabetOf(byte b) => (char)b switch
    {
        >= '0' and <= '9' => '9' + 1,
        >= 'A' and <= 'Z' => 'Z' + 1,
        >= 'a' and <= 'z' => 'z' + 1,
        >= ' ' and < (char)0x7F => 0x7F,
        _ => 0,
    };
}
