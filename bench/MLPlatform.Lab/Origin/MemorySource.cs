using System.Security.Cryptography;

namespace MLPlatform.Lab;

/// <summary>Objects in memory, any buckets; the source that tests change while it is read.</summary>
public sealed class MemorySource : IOriginSource
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, Bucket> _buckets = new(KeyOrder.Instance);
    private readonly TimeProvider _time;

    public MemorySource(params string[] buckets)
        : this(TimeProvider.System, buckets)
    {
    }

    public MemorySource(TimeProvider time, params string[] buckets)
    {
        _time = time;
        foreach (string bucket in buckets)
        {
            CreateBucket(bucket);
        }
    }

    public IReadOnlyCollection<string> Buckets
    {
        get
        {
            lock (_lock)
            {
                return [.. _buckets.Keys];
            }
        }
    }

    public bool HasBucket(string bucket)
    {
        lock (_lock)
        {
            return _buckets.ContainsKey(bucket);
        }
    }

    public bool CreateBucket(string bucket)
    {
        lock (_lock)
        {
            return _buckets.TryAdd(bucket, new Bucket());
        }
    }

    public OriginObject? Find(string bucket, string key) => Lookup(bucket, key)?.Object;

    public (OriginObject Object, OriginBody Body)? Open(string bucket, string key) =>
        Lookup(bucket, key) is { } entry ? (entry.Object, entry.Body) : null;

    public IEnumerable<OriginObject> Scan(string bucket, string from)
    {
        Entry[] entries;
        lock (_lock)
        {
            if (!_buckets.TryGetValue(bucket, out Bucket? found))
            {
                yield break;
            }

            entries = found.Sorted ??= [.. found.Entries.Values.OrderBy(e => e.Object.Key, KeyOrder.Instance)];
        }

        int low = 0;
        int high = entries.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (KeyOrder.Instance.Compare(entries[middle].Object.Key, from) < 0)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        for (; low < entries.Length; low++)
        {
            yield return entries[low].Object;
        }
    }

    public OriginObject? Put(string bucket, string key, byte[] content) => Add(bucket, key, content);

    /// <param name="etag">Null is the MD5, as S3 gives it to a simple PUT.</param>
    public OriginObject Add(string bucket, string key, byte[] content, string? etag = null, string? storageClass = null, DateTimeOffset? lastModified = null)
    {
        // MD5 is what S3 calls an ETag; nothing is secured by it.
#pragma warning disable CA5351
        etag ??= Convert.ToHexStringLower(MD5.HashData(content));
#pragma warning restore CA5351
        return Store(bucket, new OriginObject(key, content.Length, etag, lastModified ?? _time.GetUtcNow(), storageClass), new MemoryBody(content));
    }

    /// <summary>Adds an object whose bytes are <see cref="SyntheticContent"/>, with no memory of their own.</summary>
    /// <param name="content">Names the bytes; null takes the key.</param>
    public OriginObject AddSynthetic(string bucket, string key, long length, ulong seed = 0, DateTimeOffset? lastModified = null, string? content = null)
    {
        long phase = SyntheticContent.PhaseOf(seed, content ?? key);
        return Store(bucket, new OriginObject(key, length, SyntheticSource.ETagOf(phase, length), lastModified ?? _time.GetUtcNow()), new SyntheticBody(phase));
    }

    public bool Delete(string bucket, string key)
    {
        lock (_lock)
        {
            if (!_buckets.TryGetValue(bucket, out Bucket? found) || !found.Entries.Remove(key))
            {
                return false;
            }

            found.Sorted = null;
            return true;
        }
    }

    private OriginObject Store(string bucket, OriginObject item, OriginBody body)
    {
        lock (_lock)
        {
            if (!_buckets.TryGetValue(bucket, out Bucket? found))
            {
                _buckets.Add(bucket, found = new Bucket());
            }

            found.Entries[item.Key] = new Entry(item, body);
            found.Sorted = null;
            return item;
        }
    }

    private Entry? Lookup(string bucket, string key)
    {
        lock (_lock)
        {
            return _buckets.TryGetValue(bucket, out Bucket? found) && found.Entries.TryGetValue(key, out Entry? entry) ? entry : null;
        }
    }

    private sealed record Entry(OriginObject Object, OriginBody Body);

    private sealed class Bucket
    {
        public Dictionary<string, Entry> Entries { get; } = new(StringComparer.Ordinal);

        /// <summary>Of the entries as they are now; null when they changed since.</summary>
        public Entry[]? Sorted { get; set; }
    }

    private sealed class MemoryBody(byte[] content) : OriginBody
    {
        public override void Read(long offset, Span<byte> destination) =>
            content.AsSpan((int)offset, destination.Length).CopyTo(destination);
    }
}
