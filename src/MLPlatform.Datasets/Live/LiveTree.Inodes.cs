using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

// Numbers: who has them, and when they may be forgotten.
public sealed partial class LiveTree
{
    private readonly ClockQueue<NameSlot> _recentNames = new();
    private volatile bool _isShrunk;

    public void AddReference(ulong inode)
    {
        if (!_nodes.TryGetValue(inode, out LiveNode? node))
        {
            return; // Forgotten between the answer and this call: the kernel's next question finds it stale and looks the path up again.
        }

        lock (node.Lock)
        {
            if (!node.IsForgotten)
            {
                node.KernelReferences++;
            }
        }
    }

    public void DropReferences(ulong inode, ulong count)
    {
        if (!_nodes.TryGetValue(inode, out LiveNode? node))
        {
            return;
        }

        // A sink may drop what it could not take while its directory is being read, which forgets names by itself when it is done.
        bool isReading = node.Lock.IsHeldByCurrentThread;
        lock (node.Lock)
        {
            node.KernelReferences -= Math.Min(count, node.KernelReferences);
            QueueIfUnneededUnsynchronized(node);
        }

        if (!isReading)
        {
            ForgetNames();
        }
    }

    /// <summary>The number that a path's version was given out under, for whoever builds a manifest of the same stores. Directories and links go by their path.</summary>
    /// <returns>False when nobody holds one.</returns>
    internal bool TryFindNumber(ReadOnlySpan<byte> path, StoreEntryKind kind, long size, in ObjectIdentity identity, out ulong inode)
    {
        inode = 0;
        LiveDirectory directory = _root;
        if (path.IsEmpty)
        {
            inode = RootInode;
            return kind == StoreEntryKind.Directory;
        }

        while (true)
        {
            int slash = path.IndexOf((byte)'/');
            ReadOnlySpan<byte> name = slash < 0 ? path : path[..slash];
            bool isLast = slash < 0;
            LiveNode? match = null;
            lock (directory.Lock)
            {
                for (LiveNode? version = directory.Find(EntryName.Place(name), name)?.Versions; version is not null; version = version.Next)
                {
                    bool matches = !isLast || kind == StoreEntryKind.Directory
                        ? version.Directory is not null
                        : version.Listed.Kind == kind
                            && (kind == StoreEntryKind.SymbolicLink || (version.Listed.Size == size && version.Listed.Identity == identity));
                    if (matches)
                    {
                        match = version;
                        break;
                    }
                }
            }

            if (match is null)
            {
                return false;
            }

            if (isLast)
            {
                inode = match.Inode;
                return true;
            }

            directory = match.Directory!;
            path = path[(slash + 1)..];
        }
    }

    /// <summary>Every number that the kernel may hold now, with its path, parents before children, and the names known to lead nowhere.</summary>
    internal IEnumerable<LiveNumber> Numbers()
    {
        var open = new Queue<(LiveDirectory Directory, byte[] Path)>();
        open.Enqueue((_root, []));
        while (open.TryDequeue(out (LiveDirectory Directory, byte[] Path) at))
        {
            NameSlot[] slots;
            lock (at.Directory.Lock)
            {
                slots = at.Directory.Slots();
            }

            foreach (NameSlot slot in slots)
            {
                byte[] path = LiveDirectory.Join(at.Path, slot.Name);
                var found = new List<LiveNode>();
                ulong current;
                lock (at.Directory.Lock)
                {
                    current = slot.Current?.Inode ?? 0;
                    for (LiveNode? version = slot.Versions; version is not null; version = version.Next)
                    {
                        found.Add(version);
                    }
                }

                if (current == 0)
                {
                    yield return new LiveNumber(0, at.Directory.Node.Inode, path, slot.Name, StoreEntryKind.File, false);
                }

                foreach (LiveNode version in found)
                {
                    yield return new LiveNumber(version.Inode, at.Directory.Node.Inode, path, slot.Name, version.Listed.Kind, version.Inode == current);
                    if (version.Directory is { } below)
                    {
                        open.Enqueue((below, path));
                    }
                }
            }
        }
    }

    /// <summary>From here on keeps only what the kernel holds and nobody else answers for.</summary>
    /// <param name="isTakenOver">Whether another tree has the same number for the same thing.</param>
    internal void Shrink(Func<ulong, bool> isTakenOver)
    {
        _isShrunk = true;
        foreach (LiveNode node in _nodes.Values)
        {
            if (node.Slot is not null && isTakenOver(node.Inode))
            {
                lock (node.Lock)
                {
                    node.KernelReferences = 0; // What the kernel drops later is dropped in vain.
                    QueueIfUnneededUnsynchronized(node);
                }
            }
        }

        ForgetNames();
        ForgetListings();
    }

    /// <summary>The node for an entry of a listing. The caller holds the directory's lock.</summary>
    /// <returns>Missing when a later answer says that the name is gone; Stale when the directory itself was forgotten.</returns>
    private TreeOutcome ResolveListed(LiveDirectory directory, DirectoryListing listing, int index, out LiveNode? node)
    {
        ReadOnlySpan<byte> name = listing.Name(index);
        ref ListedEntry entry = ref listing.Entry(index);
        TreeOutcome outcome = Resolve(directory, name, listing.Cookie(index) & ~EntryName.MaxRank, entry, listing.AskedAt, listing.ValidUntil, out node);
        if (node is not null && node.Listed.IsSameVersion(entry))
        {
            entry.Inode = node.Inode;
        }

        return outcome;
    }

    /// <summary>Enters what a store said about a name, unless something later is known, and gives where the name leads. The caller holds the directory's lock.</summary>
    private TreeOutcome Resolve(LiveDirectory directory, ReadOnlySpan<byte> name, ulong place, in ListedEntry listed, long askedAt, long validUntil, out LiveNode? node)
    {
        node = null;
        NameSlot? slot = GetOrAddSlotUnsynchronized(directory, name, place);
        if (slot is null)
        {
            return TreeOutcome.Stale;
        }

        if (slot.AskedAt <= askedAt)
        {
            slot.Current = GetVersionUnsynchronized(slot, listed);
            slot.AskedAt = askedAt;
            slot.ValidUntil = validUntil;
        }

        node = slot.Current;
        return node is null ? TreeOutcome.Missing : TreeOutcome.Found;
    }

    private LiveNode GetVersionUnsynchronized(NameSlot slot, in ListedEntry listed)
    {
        for (LiveNode? version = slot.Versions; version is not null; version = version.Next)
        {
            if (version.Listed.IsSameVersion(listed))
            {
                version.Listed = listed; // Mode, owner and time may change without the bytes.
                version.Listed.Inode = version.Inode;
                return version;
            }
        }

        LiveDirectory parent = slot.Parent;
        LiveDirectory? directory = null;
        if (listed.Kind == StoreEntryKind.Directory)
        {
            MountPoint? mountPoint = parent.MountPoint?.Find(slot.Name);
            directory = new LiveDirectory(
                parent,
                slot.Name,
                mountPoint,
                mountPoint?.Store ?? parent.Store,
                mountPoint?.Store is not null || parent.Store is null ? [] : LiveDirectory.Join(parent.StorePath, slot.Name));
        }

        ulong inode = listed.Inode != 0 ? listed.Inode : NewNumber(slot, listed);
        var node = new LiveNode(inode, slot, listed) { Directory = directory, Next = slot.Versions };
        if (directory is not null)
        {
            directory.Node = node;
        }

        slot.Versions = node;
        _nodes[inode] = node;
        return node;
    }

    private ulong NewNumber(NameSlot slot, in ListedEntry listed)
    {
        if (_numbers.HasPast && listed.Kind != StoreEntryKind.SymbolicLink)
        {
            byte[] path = LiveDirectory.Join(slot.Parent.Path(), slot.Name);

            // Where a store has no identities, we tell versions apart by their time and the manifest does not: the number may be taken.
            if (_numbers.TryRecall(path, listed.Kind, listed.Identity, listed.Size, out ulong inode) && !_nodes.ContainsKey(inode))
            {
                return inode;
            }
        }

        return _numbers.Take();
    }

    /// <returns>Null when the directory was forgotten meanwhile.</returns>
    private NameSlot? GetOrAddSlotUnsynchronized(LiveDirectory directory, ReadOnlySpan<byte> name, ulong place)
    {
        if (directory.Find(place, name) is { } known)
        {
            known.RecentlyUsed = true;
            return known;
        }

        if (!directory.Node.HasNames)
        {
            lock (directory.Node.Lock)
            {
                if (directory.Node.IsForgotten)
                {
                    return null;
                }

                directory.Node.HasNames = true;
            }
        }

        var slot = new NameSlot(directory, name.ToArray(), place);
        directory.Add(slot);
        QueueUnsynchronized(slot);
        return slot;
    }

    private void QueueUnsynchronized(NameSlot slot)
    {
        if (!slot.IsQueued)
        {
            slot.IsQueued = true;
            _recentNames.Add(slot, 1);
        }
    }

    private void QueueIfUnneededUnsynchronized(LiveNode node)
    {
        if (!node.IsNeeded && node.Slot is { IsForgotten: false } slot)
        {
            QueueUnsynchronized(slot);
        }
    }

    /// <summary>Brings the names that only we hold back within their bound. The caller holds no lock.</summary>
    private void ForgetNames()
    {
        // Each round forgets a name or takes one out of the queue; a name gets one second chance.
        while (_recentNames.TryTake(_isShrunk ? 0 : _options.MaxRecentNames, null, out NameSlot? slot))
        {
            lock (slot.Parent.Lock)
            {
                slot.IsQueued = false;
                if (slot.Loading is not null)
                {
                    continue; // Comes back to the queue with the answer.
                }

                if (slot.RecentlyUsed)
                {
                    slot.RecentlyUsed = false;
                    QueueUnsynchronized(slot);
                    continue;
                }

                ForgetUnsynchronized(slot);
            }
        }
    }

    private void ForgetUnsynchronized(NameSlot slot)
    {
        LiveNode? kept = null;
        for (LiveNode? version = slot.Versions; version is not null;)
        {
            LiveNode? next = version.Next;
            if (version.IsNeeded)
            {
                version.Next = kept;
                kept = version;
            }
            else
            {
                version.IsForgotten = true;
                version.Next = null;
                _nodes.TryRemove(version.Inode, out _);
                if (slot.Current == version)
                {
                    slot.Current = null;
                    slot.AskedAt = -1;
                    slot.ValidUntil = long.MinValue;
                }
            }

            version = next;
        }

        slot.Versions = kept;
        if (kept is not null)
        {
            return; // Comes back to the queue when its last holder lets go.
        }

        slot.IsForgotten = true;
        LiveDirectory parent = slot.Parent;
        parent.Remove(slot);
        if (!parent.HasSlots && parent.Node.Slot is not null)
        {
            lock (parent.Node.Lock)
            {
                parent.Node.HasNames = false;
                QueueIfUnneededUnsynchronized(parent.Node);
            }
        }
    }
}
