using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace MLPlatform.Lab;

/// <summary>
/// A tree that looks like a training set: small files in class directories, named and sized as ImageNet's, and large shards.
/// Names, sizes and bytes depend on nothing but these values.
/// </summary>
public sealed record TreeSpec
{
    // Part of the cache key: raise it when names, sizes or bytes change.
    private const int GeneratorVersion = 1;

    public ulong Seed { get; init; } = 1;

    /// <summary>Small files: <c>n01440764/n01440764_10026.JPEG</c>.</summary>
    public int Files { get; init; }

    /// <summary>Class directories they are spread over.</summary>
    public int Classes { get; init; } = 10;

    /// <summary>Median of the log-normal sizes. ImageNet's mean of about 110 KiB comes with a median of 100 KiB and a sigma of .5.</summary>
    public long MedianBytes { get; init; } = 100 << 10;

    /// <summary>Standard deviation of the logarithm; 0 makes all files equal.</summary>
    public double Sigma { get; init; } = 0.5;

    public long MinBytes { get; init; } = 1;

    public long MaxBytes { get; init; } = 16 << 20;

    /// <summary>Large files: <c>shards/shard-000001.tar</c>, in name only.</summary>
    public int Shards { get; init; }

    public long ShardBytes { get; init; } = 64 << 20;

    /// <summary>Directory of the shards, with its slash, or empty.</summary>
    public string ShardPrefix { get; init; } = "shards/";

    /// <summary>Distinguishes all trees that differ in any byte.</summary>
    public string CacheKey
    {
        get
        {
            string text = string.Create(
                CultureInfo.InvariantCulture,
                $"{GeneratorVersion} {Seed} {Files} {Classes} {MedianBytes} {Sigma:R} {MinBytes} {MaxBytes} {Shards} {ShardBytes} {ShardPrefix}");
            return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16];
        }
    }

    /// <summary>The files in a fixed order, made as they are asked for.</summary>
    public IEnumerable<TreeFile> Enumerate()
    {
        ulong state = SyntheticContent.Mix(Seed);
        ulong Draw() => SyntheticContent.Mix(state += 0x9E3779B97F4A7C15UL);

        int classes = Math.Clamp(Classes, 1, Math.Max(1, Files));
        int wordNet = 1_440_764; // ImageNet's first class.
        for (int c = 0; c < classes; c++)
        {
            string name = $"n{wordNet.ToString("D8", CultureInfo.InvariantCulture)}";
            wordNet += 1 + (int)(Draw() % 20_000);
            int number = 0;
            for (long i = (long)c * Files / classes; i < (c + 1L) * Files / classes; i++)
            {
                number += 1 + (int)(Draw() % 30);
                yield return new TreeFile(string.Create(CultureInfo.InvariantCulture, $"{name}/{name}_{number}.JPEG"), SizeFrom(Draw(), Draw()));
            }
        }

        for (int i = 0; i < Shards; i++)
        {
            yield return new TreeFile(string.Create(CultureInfo.InvariantCulture, $"{ShardPrefix}shard-{i:D6}.tar"), ShardBytes);
        }
    }

    /// <summary>Puts the whole tree into a memory source without writing or holding a byte of it.</summary>
    /// <param name="prefix">In front of every key; the bytes stay those of the path without it.</param>
    public void AddTo(MemorySource source, string bucket, string prefix = "")
    {
        foreach (TreeFile file in Enumerate())
        {
            source.AddSynthetic(bucket, prefix + file.Path, file.Length, Seed, content: file.Path);
        }
    }

    /// <returns>Index of the first of <paramref name="actual"/> that is not what the tree holds at <paramref name="offset"/>; -1 when all are.</returns>
    public int FirstMismatch(string path, long offset, ReadOnlySpan<byte> actual) => SyntheticContent.FirstMismatch(Seed, path, offset, actual);

    private long SizeFrom(ulong first, ulong second)
    {
        // Box–Muller on two numbers of 53 bits; the first is never zero.
        double u = ((first >> 11) + 1) / 9007199254740993.0;
        double v = (second >> 11) / 9007199254740992.0;
        double normal = Math.Sqrt(-2 * Math.Log(u)) * Math.Cos(2 * Math.PI * v);
        return Math.Clamp((long)(MedianBytes * Math.Exp(Sigma * normal)), MinBytes, MaxBytes);
    }
}
