using System.IO.Hashing;

namespace MLPlatform.Datasets;

/// <summary>What a live tree needs to know about one component of a path.</summary>
internal static class EntryName
{
    // Bit 62: every cookie is positive as an off_t, none is 0 (the start of a directory), and none is a small number such as a
    // pinned version's, so that a directory being read while the tree gets pinned goes on where it was.
    public const ulong CookieMark = 1UL << 62;

    // Names whose hashes agree in 57 bits are told apart by their rank. More than 31 of them do not meet by chance (p < 1e-300 at a million names).
    public const int RankBits = 5;
    public const ulong MaxRank = (1UL << RankBits) - 1;

    /// <summary>Whether a POSIX directory can hold the name.</summary>
    public static bool IsValid(ReadOnlySpan<byte> name) =>
        PosixNames.CheckComponent(name) == SkipReason.None && !name.Contains((byte)'/');

    /// <summary>
    /// Where the name stands in a directory's order, with the rank bits empty. Order by hash instead of arrival or
    /// alphabet makes a cookie mean the same place in every listing of the directory, earlier or later.
    /// </summary>
    public static ulong Place(ReadOnlySpan<byte> name) => CookieMark | ((XxHash3.HashToUInt64(name) >> (64 - 57)) << RankBits);
}
