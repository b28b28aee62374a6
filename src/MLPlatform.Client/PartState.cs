namespace MLPlatform.Client;

internal enum PartState
{
    /// <summary>Has its memory, waits for its turn at the store.</summary>
    Queued,

    /// <summary>The store is being read.</summary>
    Fetching,

    /// <summary>All bytes are here and of the right version.</summary>
    Complete,

    /// <summary>No longer found by readers of the file. Its memory goes back with the last pin.</summary>
    Detached,
}
