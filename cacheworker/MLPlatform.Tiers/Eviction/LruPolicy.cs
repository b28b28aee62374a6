using MLPlatform.Core;
using MLPlatform.Tiers.Index;

namespace MLPlatform.Tiers.Eviction;

/// <summary>
/// The least recently used entry leaves first, exactly. A list through flat arrays, found by a hash table that grows by a bucket at a time (linear
/// hashing), so no call ever stops for a table to be built anew. One lock, held for some hundred nanoseconds. 36 bytes per entry, of the most that were ever there at a time.
/// </summary>
internal sealed class LruPolicy : IEvictionPolicy
{
    private const int None = -1;

    // Stands in Older of an entry that is in no list.
    private const int Pinned = -2;

    // Chunks of 4096 nodes and buckets keep an empty policy small and never copy.
    private const int ChunkBits = 12;
    private const int ChunkSize = 1 << ChunkBits;
    private const int ChunkMask = ChunkSize - 1;

    // Object header, length and the pointer to it.
    private const int ArrayOverheadBytes = 32;

    private readonly Lock _lock = new();
    private Node[][] _nodes = [];
    private int[][] _buckets = [];
    private int _used;
    private int _free = None;
    private int _newest = None;
    private int _oldest = None;
    private int _count;

    // Buckets 0 to _bucketCount - 1 exist; _mask + 1 is the greatest power of two in it.
    private int _bucketCount;
    private uint _mask;
    private long _memoryBytes;

    public LruPolicy() => AddBucketUnsynchronized();

    public string Name => "lru";

    public long MemoryBytes => Interlocked.Read(ref _memoryBytes);

    /// <summary>Entries, pinned ones included.</summary>
    public int Count => Volatile.Read(ref _count);

    public bool Admits(in CacheEntryId entry, long bytes, long freeBytes) => true;

    public void OnAdmitted(in CacheEntryId entry, long bytes, bool isPinned)
    {
        uint hash = Hash(entry);
        lock (_lock)
        {
            int at = FindUnsynchronized(entry, hash);
            if (at == None)
            {
                at = AddUnsynchronized(entry, hash);
            }
            else
            {
                UnlinkUnsynchronized(at);
            }

            LinkUnsynchronized(at, isPinned);
        }
    }

    public void OnHit(in CacheEntryId entry)
    {
        uint hash = Hash(entry);
        lock (_lock)
        {
            int at = FindUnsynchronized(entry, hash);
            if (at != None && at != _newest && At(at).Older != Pinned)
            {
                UnlinkUnsynchronized(at);
                LinkUnsynchronized(at, isPinned: false);
            }
        }
    }

    public void OnRemoved(in CacheEntryId entry)
    {
        uint hash = Hash(entry);
        lock (_lock)
        {
            int at = FindUnsynchronized(entry, hash);
            if (at != None)
            {
                RemoveUnsynchronized(at, hash);
            }
        }
    }

    public void SetPinned(in CacheEntryId entry, bool isPinned)
    {
        uint hash = Hash(entry);
        lock (_lock)
        {
            int at = FindUnsynchronized(entry, hash);
            if (at != None && isPinned != (At(at).Older == Pinned))
            {
                UnlinkUnsynchronized(at);
                LinkUnsynchronized(at, isPinned);
            }
        }
    }

    public bool TryPickVictim(out CacheEntryId victim)
    {
        lock (_lock)
        {
            if (_oldest == None)
            {
                victim = default;
                return false;
            }

            victim = At(_oldest).Entry;
            RemoveUnsynchronized(_oldest, Hash(victim));
            return true;
        }
    }

    private static uint Hash(in CacheEntryId entry)
    {
        // Blocks of one file must not share a bucket; the multiplier spreads their numbers over all bits.
        ulong hash = FileKeyComparer.Hash(entry.Key) + ((ulong)(uint)entry.Block * 0x9e3779b97f4a7c15);
        return (uint)(hash >> 32);
    }

    private ref Node At(int index) => ref _nodes[index >> ChunkBits][index & ChunkMask];

    private ref int Bucket(uint hash)
    {
        // A bucket above the last has not been split off yet; its entries are in the one without the highest bit.
        uint bucket = hash & ((2 * _mask) + 1);
        if (bucket >= _bucketCount)
        {
            bucket &= _mask;
        }

        return ref _buckets[bucket >> ChunkBits][bucket & ChunkMask];
    }

    private int FindUnsynchronized(in CacheEntryId entry, uint hash)
    {
        for (int at = Bucket(hash); at != None; at = At(at).Chained)
        {
            ref Node node = ref At(at);
            if (node.Key == entry.Key && node.Block == entry.Block)
            {
                return at;
            }
        }

        return None;
    }

    private int AddUnsynchronized(in CacheEntryId entry, uint hash)
    {
        int at = _free;
        if (at != None)
        {
            _free = At(at).Chained;
        }
        else
        {
            Invariant.That(_used < int.MaxValue - ChunkSize);
            if (_used >> ChunkBits == _nodes.Length)
            {
                AddChunk(ref _nodes, System.Runtime.CompilerServices.Unsafe.SizeOf<Node>());
            }

            at = _used++;
        }

        if (_count >= _bucketCount)
        {
            AddBucketUnsynchronized();
        }

        ref int bucket = ref Bucket(hash);
        At(at) = new Node { Key = entry.Key, Block = entry.Block, Chained = bucket };
        bucket = at;
        _count++;
        return at;
    }

    private void RemoveUnsynchronized(int at, uint hash)
    {
        UnlinkUnsynchronized(at);
        ref int link = ref Bucket(hash);
        while (link != at)
        {
            link = ref At(link).Chained;
        }

        link = At(at).Chained;
        At(at).Chained = _free;
        _free = at;
        _count--;
    }

    private void LinkUnsynchronized(int at, bool isPinned)
    {
        ref Node node = ref At(at);
        if (isPinned)
        {
            node.Older = Pinned;
            return;
        }

        node.Newer = None;
        node.Older = _newest;
        if (_newest != None)
        {
            At(_newest).Newer = at;
        }
        else
        {
            _oldest = at;
        }

        _newest = at;
    }

    private void UnlinkUnsynchronized(int at)
    {
        ref Node node = ref At(at);
        if (node.Older == Pinned)
        {
            return;
        }

        if (node.Newer != None)
        {
            At(node.Newer).Older = node.Older;
        }
        else
        {
            _newest = node.Older;
        }

        if (node.Older != None)
        {
            At(node.Older).Newer = node.Newer;
        }
        else
        {
            _oldest = node.Newer;
        }
    }

    // Splits the bucket that shares all but the highest bit with the new one.
    private void AddBucketUnsynchronized()
    {
        if (_bucketCount >> ChunkBits == _buckets.Length)
        {
            AddChunk(ref _buckets, sizeof(int));
        }

        uint added = (uint)_bucketCount;
        ref int target = ref _buckets[added >> ChunkBits][added & ChunkMask];
        target = None;
        if (added == 0)
        {
            _bucketCount = 1;
            return;
        }

        if (added > _mask * 2 + 1)
        {
            _mask = (_mask * 2) + 1;
        }

        uint source = added & _mask;
        ref int kept = ref _buckets[source >> ChunkBits][source & ChunkMask];
        int at = kept;
        kept = None;
        while (at != None)
        {
            ref Node node = ref At(at);
            int next = node.Chained;
            ref int home = ref kept;
            if ((Hash(node.Entry) & ((2 * _mask) + 1)) == added)
            {
                home = ref target;
            }

            node.Chained = home;
            home = at;
            at = next;
        }

        _bucketCount++;
    }

    private void AddChunk<T>(ref T[][] chunks, int elementBytes)
    {
        T[] chunk = new T[ChunkSize];
        chunks = [.. chunks, chunk];
        Interlocked.Add(ref _memoryBytes, ((long)ChunkSize * elementBytes) + ArrayOverheadBytes);
    }

    private struct Node
    {
        // Not the entry's id itself, which the compiler would round up to 24 bytes.
        public FileKey Key;
        public int Block;

        /// <summary>The next in the hash bucket, or among the free nodes.</summary>
        public int Chained;
        public int Newer;
        public int Older;

        public readonly CacheEntryId Entry => new(Key, Block);
    }
}
