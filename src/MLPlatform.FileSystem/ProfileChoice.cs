using MLPlatform.Datasets;

namespace MLPlatform.FileSystem;

/// <summary>Picks a profile from what is known of a dataset's sizes.</summary>
internal static class ProfileChoice
{
    // Below this mean the two requests of a served open and close cost more than passthrough saves: measured break-even
    // lies between 1 MiB and 4 MiB (docs/DECISIONS.md).
    private const long ShardMeanBytes = 4L << 20;

    /// <returns>Never <see cref="MountProfile.Auto"/>. With nothing known yet: files, which serves large files too.</returns>
    public static MountProfile Resolve(MountProfile wanted, TreeStatus status)
    {
        if (wanted != MountProfile.Auto)
        {
            return wanted;
        }

        bool mostlyLarge = status.Files > 0 && status.SmallFiles * 2 <= status.Files && status.Bytes / status.Files >= ShardMeanBytes;
        return mostlyLarge ? MountProfile.Shards : MountProfile.Files;
    }
}
