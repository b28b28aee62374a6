using System.Collections.Concurrent;
using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>
/// A tree without a manifest: names and attributes come from the stores when somebody asks, and are believed for a while, absent ones too.
/// Any thread may call it. It knows names and numbers, nothing of bytes.
/// <para>
/// An inode number stands for one version of one path and is never given to another. When a file changes, its name leads to a new number; the old
/// one goes on standing for the old version, so whoever has it open reads that version or gets an error, never a mix.
/// </para>
/// <para>
/// Memory is bounded: numbers live as long as the kernel holds them (some 400 B each), and beyond that in a queue of recent names; directory listings
/// by their number of entries. A number that was dropped too early is answered as stale, and the kernel looks its path up again.
/// </para>
/// </summary>
public sealed partial class LiveTree : IDatasetTree, IAsyncDisposable
{
    public const ulong RootInode = 1;

    // The kernel believes an answer for as long as we do, so each gets half of what the user allowed. With a TTL of zero an answer
    // must still live until the request that asked for it has come back for it.
    private static readonly TimeSpan s_shortestValidity = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<ulong, LiveNode> _nodes = new();
    private readonly LiveDirectory _root;
    private readonly LiveTreeOptions _options;
    private readonly IInodeNumbers _numbers;
    private readonly TimeProvider _time;
    private readonly long _validityTicks;
    private readonly long _openedAtNanoseconds;
    private readonly string _dataset;
    private long _files, _bytes, _smallFiles, _skipped;

    /// <param name="dataset">Name or URI, for the status and messages.</param>
    /// <param name="mounts">The stores, which stay the caller's.</param>
    /// <exception cref="CacheException"><c>Configuration</c>: the mounts contradict each other.</exception>
    public LiveTree(string dataset, IReadOnlyList<TreeMount> mounts, IInodeNumbers numbers, LiveTreeOptions options, TimeProvider time)
    {
        options.Check();
        _dataset = dataset;
        _numbers = numbers;
        _options = options;
        _time = time;
        _questions = new SemaphoreSlim(options.MaxParallelQuestions);
        Validity = options.MetadataTtl / 2;
        TimeSpan kept = Validity > s_shortestValidity ? Validity : s_shortestValidity;
        _validityTicks = (long)(kept.TotalSeconds * time.TimestampFrequency);

        // Where a store has no time for a directory, all of them bear the time at which the tree was opened, which at least stands still.
        _openedAtNanoseconds = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * 100;
        MountPoint mountPoint = MountPoint.Build(mounts);
        _root = new LiveDirectory(null, [], mountPoint, mountPoint.Store, []);
        _root.Node = new LiveNode(RootInode, null, ListedEntry.PlainDirectory) { Directory = _root };
        _nodes[RootInode] = _root.Node;
    }

    public TreeStatus Status => new()
    {
        Dataset = _dataset,
        Mode = TreeMode.Live,
        Files = Interlocked.Read(ref _files),
        Bytes = Interlocked.Read(ref _bytes),
        SmallFiles = Interlocked.Read(ref _smallFiles),
    };

    /// <summary>Never raised: what changes is found out by asking again.</summary>
    public event Action<TreeChange>? Changed
    {
        add { }
        remove { }
    }

    public TimeSpan Validity { get; }

    /// <summary>Names in the listings held now that no POSIX directory can hold.</summary>
    public long SkippedNames => Interlocked.Read(ref _skipped);

    /// <summary>Numbers known now.</summary>
    internal int KnownNumbers => _nodes.Count;

    /// <remarks>A number stands for a version, and what a version is does not change, so this never has to ask.</remarks>
    public TreeOutcome TryGetEntry(ulong inode, out TreeEntry entry)
    {
        if (!_nodes.TryGetValue(inode, out LiveNode? node))
        {
            entry = default;
            return TreeOutcome.Stale;
        }

        lock (node.Lock)
        {
            entry = node.Listed.ToTreeEntry(inode, _openedAtNanoseconds);
        }

        return TreeOutcome.Found;
    }

    public TreeOutcome TryLookup(ulong directory, ReadOnlySpan<byte> name, out TreeEntry entry)
    {
        entry = default;
        if (FindDirectory(directory, out LiveDirectory? at) is var outcome and not TreeOutcome.Found)
        {
            return outcome;
        }

        if (!EntryName.IsValid(name))
        {
            return TreeOutcome.Missing;
        }

        outcome = TryLookup(at!, name, ref entry);
        ForgetNames();
        return outcome;
    }

    public TreeOutcome TryReadDirectory<TSink>(ulong directory, ulong cookie, ref TSink sink)
        where TSink : IDirectorySink, allows ref struct
    {
        if (FindDirectory(directory, out LiveDirectory? at) is var outcome and not TreeOutcome.Found)
        {
            return outcome;
        }

        lock (at!.Lock)
        {
            // Whoever has begun goes on with what there is: cookies mean the same in every listing.
            if (at.Listing is not { } listing || (cookie == 0 && !IsFresh(listing.ValidUntil)))
            {
                return TreeOutcome.MustWait;
            }

            listing.RecentlyUsed = true;
            for (int index = listing.IndexAfter(cookie); index < listing.Count; index++)
            {
                ReadOnlySpan<byte> name = listing.Name(index);
                outcome = ResolveListed(at, listing, index, out LiveNode? node);
                if (outcome == TreeOutcome.Stale)
                {
                    return outcome;
                }

                if (outcome == TreeOutcome.Found && !sink.TryAdd(name, node!.Listed.ToTreeEntry(node.Inode, _openedAtNanoseconds), listing.Cookie(index)))
                {
                    break;
                }
            }
        }

        ForgetNames();
        return TreeOutcome.Found;
    }

    public FileVersion? GetFile(ulong inode)
    {
        if (!_nodes.TryGetValue(inode, out LiveNode? node) || node.Slot is not { } slot)
        {
            return null;
        }

        lock (node.Lock)
        {
            if (node.Listed.Kind != StoreEntryKind.File)
            {
                return null;
            }

            LiveDirectory parent = slot.Parent;
            return node.File ??= new FileVersion(inode, parent.Store!, new StoreObject(LiveDirectory.Join(parent.StorePath, slot.Name), node.Listed.Size, node.Listed.Identity));
        }
    }

    public byte[]? GetLinkTarget(ulong inode)
    {
        if (!_nodes.TryGetValue(inode, out LiveNode? node))
        {
            return null;
        }

        lock (node.Lock)
        {
            return node.Listed.LinkTarget;
        }
    }

    public byte[]? GetPath(ulong inode) =>
        !_nodes.TryGetValue(inode, out LiveNode? node) ? null
        : node.Slot is { } slot ? LiveDirectory.Join(slot.Parent.Path(), slot.Name)
        : [];

    private TreeOutcome FindDirectory(ulong inode, out LiveDirectory? directory)
    {
        directory = null;
        if (!_nodes.TryGetValue(inode, out LiveNode? node))
        {
            return TreeOutcome.Stale;
        }

        directory = node.Directory;
        return directory is null ? TreeOutcome.NotDirectory : TreeOutcome.Found;
    }

    private TreeOutcome TryLookup(LiveDirectory directory, ReadOnlySpan<byte> name, ref TreeEntry entry)
    {
        ulong place = EntryName.Place(name);
        lock (directory.Lock)
        {
            LiveNode? node;
            TreeOutcome outcome;
            NameSlot? slot = directory.Find(place, name);
            bool slotIsFresh = slot is not null && IsFresh(slot.ValidUntil);
            if (directory.MountPoint?.Find(name) is not null)
            {
                outcome = Resolve(directory, name, place, ListedEntry.PlainDirectory, _time.GetTimestamp(), long.MaxValue, out node);
            }
            else if (directory.Store is null)
            {
                return TreeOutcome.Missing;
            }
            else if (directory.Listing is { } listing && IsFresh(listing.ValidUntil) && (!slotIsFresh || listing.AskedAt >= slot!.AskedAt))
            {
                listing.RecentlyUsed = true;
                int index = listing.Find(place, name);
                if (index < 0)
                {
                    return TreeOutcome.Missing;
                }

                outcome = ResolveListed(directory, listing, index, out node);
            }
            else if (slotIsFresh)
            {
                slot!.RecentlyUsed = true;
                node = slot.Current;
                outcome = node is null ? TreeOutcome.Missing : TreeOutcome.Found;
            }
            else
            {
                return TreeOutcome.MustWait;
            }

            if (outcome == TreeOutcome.Found)
            {
                entry = node!.Listed.ToTreeEntry(node.Inode, _openedAtNanoseconds);
            }

            return outcome;
        }
    }

    private bool IsFresh(long validUntil) => _time.GetTimestamp() < validUntil;
}
