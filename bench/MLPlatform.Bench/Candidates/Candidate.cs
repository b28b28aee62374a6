using MLPlatform.Bench.Stores;

namespace MLPlatform.Bench.Candidates;

/// <summary>Something that mounts a bucket: this program, or another one that is measured beside it.</summary>
internal abstract class Candidate
{
    public abstract string Name { get; }

    /// <summary>What it reads once it can read again from a directory of its own, also after a restart.</summary>
    public virtual bool HasDiskCache => true;

    /// <summary>Mounts and waits until the directory answers.</summary>
    /// <param name="root">A directory of this mount's own; what a former mount cached in it is there again.</param>
    public abstract RunningMount Mount(BenchStore store, string bucket, string root, MountLimits limits);

    /// <summary>Where <paramref name="root"/> has cached bytes.</summary>
    public virtual string CacheDirectory(string root) => Path.Combine(root, "cache");

    /// <summary>The candidates of a comma-separated list.</summary>
    public static IReadOnlyList<Candidate> Parse(BenchOptions options, string standard) =>
        [.. options.Text("candidates", standard).Split(',').Select(name => Create(name, options))];

    private static Candidate Create(string name, BenchOptions options) => name switch
    {
        "mlp" => new MlpCandidate(options, hasDiskCache: true),
        "mlp-nocache" => new MlpCandidate(options, hasDiskCache: false),
        "rclone" => new RcloneCandidate(),
        "s3fs" => new S3fsCandidate(),
        _ => throw new ArgumentException($"--candidates: {name} is unknown; there are mlp, mlp-nocache, rclone and s3fs"),
    };
}
