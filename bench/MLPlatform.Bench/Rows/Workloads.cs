using MLPlatform.Lab;

namespace MLPlatform.Bench.Rows;

/// <summary>The files that the rows of the cache are measured with.</summary>
internal static class Workloads
{
    public const string SmallBucket = "small";
    public const string LargeBucket = "large";

    /// <summary>Files of about 100 KiB: 800 MB in full.</summary>
    public static TreeSpec Small(BenchOptions options)
    {
        int files = options.Number("files", options.IsQuick ? 600 : 8000);
        return new TreeSpec { Files = files, Classes = Math.Max(1, files / 100), MedianBytes = 100 << 10, Sigma = 0.3, MinBytes = 60 << 10, MaxBytes = 140 << 10 };
    }

    /// <summary>Four files: 1 GiB each in full; half of that on radosgw, which holds twice the data in memory.</summary>
    public static TreeSpec Large(BenchOptions options, string store) =>
        new() { Shards = 4, ShardPrefix = "", ShardBytes = options.Size("size", options.IsQuick ? "64MiB" : store == "radosgw" ? "512MiB" : "1GiB") };

    public static List<string> Names(TreeSpec spec) => [.. spec.Enumerate().Select(file => file.Path)];

    public static long Bytes(TreeSpec spec) => spec.Enumerate().Sum(file => file.Length);
}
