using System.Collections.Concurrent;
using System.Security.Cryptography;
using Xunit;

namespace MLPlatform.MountTests.Support;

/// <summary>What a tree holds: path → SHA-256 of the file's bytes.</summary>
public static class TreeHash
{
    /// <param name="threads">Readers at once.</param>
    public static SortedDictionary<string, string> Of(string root, int threads)
    {
        string[] files = Directory.GetFiles(root, "*", SearchOption.AllDirectories);
        ConcurrentDictionary<string, string> hashes = new();
        Parallel.ForEach(files, new ParallelOptions { MaxDegreeOfParallelism = threads }, file =>
        {
            using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
            hashes[Path.GetRelativePath(root, file)] = Convert.ToHexString(SHA256.HashData(stream));
        });
        return new SortedDictionary<string, string>(hashes, StringComparer.Ordinal);
    }

    /// <summary>Fails naming the first paths that differ.</summary>
    public static void AssertEqual(SortedDictionary<string, string> expected, SortedDictionary<string, string> actual)
    {
        Assert.Empty(expected.Keys.Except(actual.Keys).Take(5));
        Assert.Empty(actual.Keys.Except(expected.Keys).Take(5));
        Assert.Empty(expected.Where(pair => actual[pair.Key] != pair.Value).Select(pair => pair.Key).Take(5));
    }
}
