namespace MLPlatform.Datasets;

/// <summary>What is known of one name in a directory: where it leads, since when and until when, and the numbers its versions got. Guarded by the directory's lock.</summary>
internal sealed class NameSlot(LiveDirectory parent, byte[] name, ulong place)
{
    public LiveDirectory Parent { get; } = parent;

    public byte[] Name { get; } = name;

    /// <summary><see cref="EntryName.Place"/> of the name.</summary>
    public ulong Place { get; } = place;

    /// <summary>Another name with the same place.</summary>
    public NameSlot? Next { get; set; }

    /// <summary>Where the name leads; null: nowhere.</summary>
    public LiveNode? Current { get; set; }

    /// <summary>Every version whose number is still known, <see cref="Current"/> among them.</summary>
    public LiveNode? Versions { get; set; }

    /// <summary>When the question was sent that this answers; -1 while none was answered.</summary>
    public long AskedAt { get; set; } = -1;

    public long ValidUntil { get; set; } = long.MinValue;

    /// <summary>The question under way; gives its fault, or null.</summary>
    public Task<Exception?>? Loading { get; set; }

    /// <summary>Whether the queue of names that may be forgotten holds it.</summary>
    public bool IsQueued { get; set; }

    /// <summary>Used since the queue last saw it.</summary>
    public bool RecentlyUsed { get; set; }

    public bool IsForgotten { get; set; }
}
