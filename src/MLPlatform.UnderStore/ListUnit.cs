namespace MLPlatform.UnderStore;

/// <summary>
/// A piece of a recursive listing that can be worked on alone, written to a journal and taken up again. All three are raw
/// path bytes below the store's root; what lies in a unit is for the store to say (a key range on S3, one directory elsewhere).
/// </summary>
/// <param name="Prefix">Everything in the unit starts with it; empty for the whole store, else ends with <c>/</c>.</param>
/// <param name="After">Only what sorts after it (exclusive); null from the start.</param>
/// <param name="Before">Only what sorts before it (exclusive); null to the end.</param>
public sealed record ListUnit(byte[] Prefix, byte[]? After = null, byte[]? Before = null)
{
    public static ListUnit Everything { get; } = new([]);
}
