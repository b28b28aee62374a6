using System.Globalization;

namespace MLPlatform.Lab;

/// <summary>
/// One bucket with any number of equal-sized objects that exist only as arithmetic: <c>d000012/f00000034.bin</c>. Read-only.
/// </summary>
public sealed class SyntheticSource : IOriginSource
{
    private static readonly DateTimeOffset s_modified = new(2024, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private readonly string _bucket;
    private readonly int _directoryDigits;
    private readonly int _fileDigits;

    /// <param name="directories">Directories; 0 puts the files at the top.</param>
    /// <param name="filesPerDirectory">Files in each.</param>
    /// <param name="objectBytes">Length of each object.</param>
    /// <param name="prefix">In front of every key, for example <c>train/</c>.</param>
    public SyntheticSource(string bucket, int directories, int filesPerDirectory, long objectBytes, ulong seed = 0, string prefix = "")
    {
        ArgumentOutOfRangeException.ThrowIfNegative(directories);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(filesPerDirectory);
        _bucket = bucket;
        Directories = directories;
        FilesPerDirectory = filesPerDirectory;
        ObjectBytes = objectBytes;
        Seed = seed;
        Prefix = prefix;
        _directoryDigits = Math.Max(4, (directories - 1).ToString(CultureInfo.InvariantCulture).Length);
        _fileDigits = Math.Max(5, (filesPerDirectory - 1).ToString(CultureInfo.InvariantCulture).Length);
    }

    public int Directories { get; }

    public int FilesPerDirectory { get; }

    public long ObjectBytes { get; }

    public ulong Seed { get; }

    public string Prefix { get; }

    public long Count => (long)Math.Max(1, Directories) * FilesPerDirectory;

    public IReadOnlyCollection<string> Buckets => [_bucket];

    public bool HasBucket(string bucket) => bucket == _bucket;

    /// <summary>Keys ascend with <paramref name="index"/>.</summary>
    public string KeyAt(long index)
    {
        long file = index % FilesPerDirectory;
        string name = $"f{file.ToString(CultureInfo.InvariantCulture).PadLeft(_fileDigits, '0')}.bin";
        return Directories == 0
            ? Prefix + name
            : $"{Prefix}d{(index / FilesPerDirectory).ToString(CultureInfo.InvariantCulture).PadLeft(_directoryDigits, '0')}/{name}";
    }

    public OriginObject? Find(string bucket, string key) => bucket == _bucket && Has(key) ? Describe(key) : null;

    public (OriginObject Object, OriginBody Body)? Open(string bucket, string key) =>
        Find(bucket, key) is { } found ? (found, new SyntheticBody(SyntheticContent.PhaseOf(Seed, key))) : null;

    public IEnumerable<OriginObject> Scan(string bucket, string from)
    {
        for (long index = bucket == _bucket ? LowerBound(from) : Count; index < Count; index++)
        {
            yield return Describe(KeyAt(index));
        }
    }

    public OriginObject? Put(string bucket, string key, byte[] content) => null;

    public bool Delete(string bucket, string key) => false;

    public bool CreateBucket(string bucket) => false;

    internal static string ETagOf(long phase, long length) =>
        string.Create(CultureInfo.InvariantCulture, $"{SyntheticContent.Mix((ulong)phase):x16}{SyntheticContent.Mix((ulong)length):x16}");

    private OriginObject Describe(string key) => new(key, ObjectBytes, ETagOf(SyntheticContent.PhaseOf(Seed, key), ObjectBytes), s_modified);

    /// <summary>Reads directory and file number out of a key: a GET of a small object must not pay for a search.</summary>
    private bool Has(string key)
    {
        if (!key.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return false;
        }

        ReadOnlySpan<char> rest = key.AsSpan(Prefix.Length);
        long directory = 0;
        if (Directories > 0)
        {
            if (rest.Length < _directoryDigits + 2 || !TryNumber(rest.Slice(1, _directoryDigits), out directory))
            {
                return false;
            }

            rest = rest[(_directoryDigits + 2)..];
        }

        return rest.Length > _fileDigits
            && TryNumber(rest.Slice(1, _fileDigits), out long file)
            && file < FilesPerDirectory
            && directory < Math.Max(1, Directories)
            && KeyAt((directory * FilesPerDirectory) + file) == key;
    }

    private static bool TryNumber(ReadOnlySpan<char> text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    private long LowerBound(string key)
    {
        long low = 0;
        long high = Count;
        while (low < high)
        {
            long middle = (low + high) >>> 1;
            if (KeyOrder.Instance.Compare(KeyAt(middle), key) < 0)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
