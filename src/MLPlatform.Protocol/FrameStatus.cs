using MLPlatform.Core;

namespace MLPlatform.Protocol;

/// <summary>Errors as numbers on the wire. The numbers stay, whatever becomes of the enumeration in memory.</summary>
internal static class FrameStatus
{
    public const ushort Ok = 0;

    private static readonly (CacheError Error, ushort Status)[] s_table =
    [
        (CacheError.NotFound, 1),
        (CacheError.InvalidName, 2),
        (CacheError.AccessDenied, 3),
        (CacheError.Unauthenticated, 4),
        (CacheError.VersionChanged, 5),
        (CacheError.Throttled, 6),
        (CacheError.Unreachable, 7),
        (CacheError.DeadlineExceeded, 8),
        (CacheError.Corrupt, 9),
        (CacheError.DeviceFailed, 10),
        (CacheError.DeviceFull, 11),
        (CacheError.ReadOnly, 12),
        (CacheError.Interrupted, 13),
        (CacheError.Busy, 14),
        (CacheError.Unsupported, 15),
        (CacheError.Configuration, 16),
    ];

    public static ushort Of(CacheError error)
    {
        foreach ((CacheError known, ushort status) in s_table)
        {
            if (known == error)
            {
                return status;
            }
        }

        throw new ArgumentOutOfRangeException(nameof(error), error, "This error has no number in the protocol.");
    }

    /// <returns><c>Unsupported</c> for a number that only a later version knows.</returns>
    public static CacheError ErrorOf(ushort status)
    {
        foreach ((CacheError error, ushort known) in s_table)
        {
            if (known == status)
            {
                return error;
            }
        }

        return CacheError.Unsupported;
    }
}
