namespace MLPlatform.Datasets;

/// <summary>
/// Places in the directories of pinned versions. A manifest counts entries; where one version may follow another, the count says nothing without the
/// version, so a cookie bears the version's place in the mount's history too.
/// </summary>
internal static class PinnedCookie
{
    private const int PositionBits = 40;
    private const ulong PositionMask = (1UL << PositionBits) - 1;

    /// <summary>Bits 40 to 61; bit 62 marks the cookies of live trees.</summary>
    public const uint MaxGeneration = (1U << 22) - 1;

    public static bool IsLive(ulong cookie) => (cookie & EntryName.CookieMark) != 0;

    public static ulong Make(uint generation, ulong position) => ((ulong)generation << PositionBits) | position;

    public static uint Generation(ulong cookie) => (uint)((cookie & ~EntryName.CookieMark) >> PositionBits);

    public static ulong Position(ulong cookie) => cookie & PositionMask;

    /// <summary>Puts the generation into the cookies that a manifest gives out.</summary>
    internal ref struct Sink<TSink>(TSink inner, uint generation) : IDirectorySink
        where TSink : IDirectorySink, allows ref struct
    {
        // A copy, put back when the walk is over: a field cannot refer to what may be a ref struct itself.
        public TSink Inner = inner;

        public bool TryAdd(scoped ReadOnlySpan<byte> name, scoped in TreeEntry entry, ulong nextCookie) => Inner.TryAdd(name, entry, Make(generation, nextCookie));
    }
}
