using System.Text;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>
/// The names of one directory. Its lock guards them and the attributes of what they lead to. Whoever holds it may take the lock of the
/// parent directory as well, never that of a child.
/// </summary>
internal sealed class LiveDirectory(LiveDirectory? parent, byte[] name, MountPoint? mountPoint, IUnderStore? store, byte[] storePath)
{
    private readonly Dictionary<ulong, NameSlot> _slots = [];

    public Lock Lock { get; } = new();

    public LiveDirectory? Parent { get; } = parent;

    public byte[] Name { get; } = name;

    /// <summary>Set where stores hang in this directory or below it.</summary>
    public MountPoint? MountPoint { get; } = mountPoint;

    /// <summary>Null where the directory is only a step on the way to a store.</summary>
    public IUnderStore? Store { get; } = store;

    public byte[] StorePath { get; } = storePath;

    /// <summary>Set right after construction.</summary>
    public LiveNode Node { get; set; } = null!;

    public DirectoryListing? Listing { get; set; }

    /// <summary>Set exactly while there is a <see cref="Listing"/>.</summary>
    public ClockQueue<LiveDirectory>.Ticket? ListingTicket { get; set; }

    /// <summary>The listing under way; gives its fault, or null.</summary>
    public Task<Exception?>? Loading { get; set; }

    public bool HasSlots => _slots.Count > 0;

    public string DisplayUri => Store is null ? "/" + Encoding.UTF8.GetString(Path()) : StorePath.Length == 0 ? Store.Uri : $"{Store.Uri}/{Encoding.UTF8.GetString(StorePath)}";

    public NameSlot? Find(ulong place, ReadOnlySpan<byte> name)
    {
        NameSlot? slot = _slots.GetValueOrDefault(place);
        while (slot is not null && !name.SequenceEqual(slot.Name))
        {
            slot = slot.Next;
        }

        return slot;
    }

    public void Add(NameSlot slot)
    {
        slot.Next = _slots.GetValueOrDefault(slot.Place);
        _slots[slot.Place] = slot;
    }

    public void Remove(NameSlot slot)
    {
        NameSlot first = _slots[slot.Place];
        if (first == slot)
        {
            if (slot.Next is null)
            {
                _slots.Remove(slot.Place);
            }
            else
            {
                _slots[slot.Place] = slot.Next;
            }

            return;
        }

        while (first.Next != slot)
        {
            first = first.Next!;
        }

        first.Next = slot.Next;
    }

    /// <summary>The names remembered now, for whoever compares a live tree with a pinned one.</summary>
    public NameSlot[] Slots()
    {
        var all = new List<NameSlot>(_slots.Count);
        foreach (NameSlot first in _slots.Values)
        {
            for (NameSlot? slot = first; slot is not null; slot = slot.Next)
            {
                all.Add(slot);
            }
        }

        return [.. all];
    }

    /// <summary>Path bytes below the tree's root.</summary>
    public byte[] Path() => Parent is null ? [] : Join(Parent.Path(), Name);

    public static byte[] Join(ReadOnlySpan<byte> directory, ReadOnlySpan<byte> name)
    {
        if (directory.IsEmpty)
        {
            return name.ToArray();
        }

        byte[] path = new byte[directory.Length + 1 + name.Length];
        directory.CopyTo(path);
        path[directory.Length] = (byte)'/';
        name.CopyTo(path.AsSpan(directory.Length + 1));
        return path;
    }
}
