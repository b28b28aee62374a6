using MLPlatform.Core;

namespace MLPlatform.Client;

/// <summary>Parts in the order in which they came, linked through themselves. Guarded by its shard's lock.</summary>
internal sealed class PartList
{
    public Part? First { get; private set; }

    public Part? Last { get; private set; }

    /// <summary>Memory of the listed parts.</summary>
    public long Bytes { get; private set; }

    /// <summary>When the first part came here, or <see cref="long.MaxValue"/>. May be read without the lock, as a hint.</summary>
    public long FirstSince => Volatile.Read(ref _firstSince);

    private long _firstSince = long.MaxValue;

    public void AddLast(Part part)
    {
        Invariant.That(part.List is null);
        part.List = this;
        part.ListPrevious = Last;
        part.ListNext = null;
        if (Last is null)
        {
            First = part;
            Volatile.Write(ref _firstSince, part.ListedSince);
        }
        else
        {
            Last.ListNext = part;
        }

        Last = part;
        Bytes += part.Memory.Capacity;
    }

    public void Remove(Part part)
    {
        Invariant.That(part.List == this);
        if (part.ListPrevious is null)
        {
            First = part.ListNext;
            Volatile.Write(ref _firstSince, First?.ListedSince ?? long.MaxValue);
        }
        else
        {
            part.ListPrevious.ListNext = part.ListNext;
        }

        if (part.ListNext is null)
        {
            Last = part.ListPrevious;
        }
        else
        {
            part.ListNext.ListPrevious = part.ListPrevious;
        }

        part.List = null;
        part.ListPrevious = null;
        part.ListNext = null;
        Bytes -= part.Memory.Capacity;
    }
}
