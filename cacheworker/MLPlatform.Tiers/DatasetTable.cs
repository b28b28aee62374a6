using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace MLPlatform.Tiers;

/// <summary>
/// The datasets that have bytes in the disk tier, by tag: how much, and since when nobody uses them. Kept as a small text file, one line each: tag, seconds since
/// 1970 of the last use, name. Losing the file costs nothing but the order in which unused datasets leave. Any thread may call it.
/// </summary>
internal sealed class DatasetTable
{
    private readonly ConcurrentDictionary<uint, DatasetUsage> _datasets = new();
    private readonly TimeProvider _time;
    private readonly string _path;
    private readonly Lock _lock = new();
    private bool _isChanged;

    public DatasetTable(string path, TimeProvider time)
    {
        _path = path;
        _time = time;
        Load();
    }

    public IEnumerable<DatasetUsage> All => _datasets.Values;

    public static uint TagOf(string name) => BinaryPrimitives.ReadUInt32LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(name)));

    /// <summary>The entry of a tag, made when it is new.</summary>
    public DatasetUsage this[uint tag] => _datasets.TryGetValue(tag, out DatasetUsage? usage) ? usage : _datasets.GetOrAdd(tag, static t => new DatasetUsage(t, ""));

    /// <summary>A mount or preload begins.</summary>
    public uint Use(string name, long? quotaBytes)
    {
        DatasetUsage usage = this[TagOf(name)];
        lock (_lock)
        {
            usage.Name = name;
            usage.Users++;
            usage.LastUse = Now();
            usage.QuotaBytes = quotaBytes ?? usage.QuotaBytes;
            _isChanged = true;
        }

        return usage.Tag;
    }

    /// <summary>It ends.</summary>
    public void Leave(uint tag)
    {
        lock (_lock)
        {
            DatasetUsage usage = this[tag];
            usage.Users--;
            usage.LastUse = Now();
            _isChanged = true;
        }
    }

    /// <summary>Datasets that nobody uses, the longest unused first.</summary>
    public IReadOnlyList<DatasetUsage> Unused()
    {
        lock (_lock)
        {
            return [.. _datasets.Values.Where(static d => d is { Users: 0, Bytes: > 0 }).OrderBy(static d => d.LastUse)];
        }
    }

    /// <summary>Writes the file when something changed. A failure leaves the old one.</summary>
    public void Save()
    {
        StringBuilder text = new();
        lock (_lock)
        {
            if (!_isChanged)
            {
                return;
            }

            _isChanged = false;
            foreach (DatasetUsage usage in _datasets.Values.Where(static d => d.Name.Length > 0 && (d.Bytes > 0 || d.Users > 0)))
            {
                text.Append(CultureInfo.InvariantCulture, $"{usage.Tag:x8} {usage.LastUse} {usage.Name.ReplaceLineEndings(" ")}\n");
            }
        }

        try
        {
            File.WriteAllText(_path + ".new", text.ToString());
            File.Move(_path + ".new", _path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Next time; nothing depends on it.
            lock (_lock)
            {
                _isChanged = true;
            }
        }
    }

    private long Now() => _time.GetUtcNow().ToUnixTimeSeconds();

    private void Load()
    {
        string[] lines;
        try
        {
            lines = File.Exists(_path) ? File.ReadAllLines(_path) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return;
        }

        foreach (string line in lines)
        {
            string[] parts = line.Split(' ', 3);
            if (parts.Length == 3
                && uint.TryParse(parts[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out uint tag)
                && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out long lastUse))
            {
                _datasets[tag] = new DatasetUsage(tag, parts[2]) { LastUse = lastUse };
            }
        }
    }
}
