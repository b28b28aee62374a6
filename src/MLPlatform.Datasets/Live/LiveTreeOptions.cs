using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>How a live tree behaves; checked once, at start.</summary>
public sealed record LiveTreeOptions
{
    /// <summary>
    /// <c>--metadata-ttl</c>: how old an answer may be, present or absent, all caches together. Five seconds: an <c>ls -l</c>, a
    /// <c>find</c> or an import that comes back to a name within one step costs one question, and a person who waits for a
    /// file that another machine writes does not wait long (NFS believes attributes for 3 to 60 s).
    /// </summary>
    public TimeSpan MetadataTtl { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Names held in memory that the kernel does not hold. 65,536 are about 20 MB, and more than one READDIRPLUS walk has in flight.</summary>
    public int MaxRecentNames { get; init; } = 65_536;

    /// <summary>Entries of all directory listings kept, about 100 B each, at most a minute longer than they are believed. One directory stays even when it alone is
    /// larger. As many as one directory may have, so that a walk does not push out the large directory that it is in.</summary>
    public int MaxListedEntries { get; init; } = 1 << 20;

    /// <summary>Entries of one directory; beyond it only a manifest will do. A million are 100 MB, and twice that while they come in.</summary>
    public int MaxDirectoryEntries { get; init; } = 1 << 20;

    /// <summary>Questions to the stores at once; S3 gives thousands a second, and more than this many waiters means the store is slow.</summary>
    public int MaxParallelQuestions { get; init; } = 64;

    /// <summary>Longest wait for one name. The stores' own deadlines end earlier unless something is broken.</summary>
    public TimeSpan NameDeadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Longest wait for one directory: a million names are a thousand pages of S3 at up to half a second.</summary>
    public TimeSpan DirectoryDeadline { get; init; } = TimeSpan.FromMinutes(10);

    /// <exception cref="CacheException"><c>Configuration</c>.</exception>
    public void Check()
    {
        if (MetadataTtl < TimeSpan.Zero || MetadataTtl > TimeSpan.FromDays(365))
        {
            throw new CacheException(CacheError.Configuration, $"--metadata-ttl {MetadataTtl} is out of range; give 0s to 365d.");
        }

        // A name must survive from its answer to the request that comes back for it.
        Invariant.That(MaxRecentNames >= 16);
    }
}
