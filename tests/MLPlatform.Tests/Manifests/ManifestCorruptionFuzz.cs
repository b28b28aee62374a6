using System.Security.Cryptography;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.UnderStore;
using Xunit;

namespace MLPlatform.Tests.Manifests;

/// <summary>Damaged files: found and named, or of no consequence; never a wrong answer, never a crash.</summary>
public sealed class ManifestCorruptionFuzz : IAsyncLifetime
{
    private readonly ManifestFolder _folder = new();
    private string _path = "";
    private byte[] _bytes = [];
    private string _answers = "";

    // Long runs set it; this many take some seconds.
    private static int Rounds => int.TryParse(Environment.GetEnvironmentVariable("MLP_FUZZ_ROUNDS"), out int rounds) ? rounds : 3000;

    public async Task InitializeAsync()
    {
        ManifestBuildResult result = await ManifestSamples.BuildShardsAsync(_folder);
        _bytes = await File.ReadAllBytesAsync(result.Path);
        _path = Path.Combine(_folder.Versions, "damaged");
        using Manifest whole = Manifest.Open(result.Path);
        _answers = ManifestReader.ReadAll(whole);
    }

    public Task DisposeAsync()
    {
        _folder.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public void Open_AnyByteFlipped_IsFoundOrOfNoConsequence()
    {
        int harmless = 0;
        for (int i = 0; i < _bytes.Length; i++)
        {
            byte[] damaged = [.. _bytes];
            damaged[i] ^= (byte)(1 << (i & 7));
            File.WriteAllBytes(_path, damaged);
            try
            {
                using Manifest manifest = Manifest.Open(_path, dataset: "birds");
                Assert.Equal(_answers, ManifestReader.ReadAll(manifest));
                harmless++;
            }
            catch (CacheException e)
            {
                Assert.True(e.Error is CacheError.Corrupt or CacheError.Unsupported, e.Message);
                Assert.Contains(_path, e.Message, StringComparison.Ordinal);
                Assert.Contains("mlp dataset sync birds", e.Message, StringComparison.Ordinal);
            }
        }

        // Only the padding between the page hashes and the first page is nobody's.
        Assert.True(harmless <= 4096, $"{harmless} bytes could be changed unnoticed");
    }

    [Fact]
    public void Read_NonsenseUnderRightHashes_GivesAnAnswerOrCorrupt()
    {
        var random = new Random(42);
        int found = 0;
        for (int round = 0; round < Rounds; round++)
        {
            byte[] damaged = [.. _bytes];
            for (int flips = random.Next(1, 5); flips > 0; flips--)
            {
                // Half of them in the header, where lengths and offsets are.
                int at = random.Next(2) == 0 ? random.Next(24, 1300) : random.Next(8192, damaged.Length);
                damaged[at] = random.Next(3) switch { 0 => 0xFF, 1 => 0, _ => (byte)random.Next(256) };
            }

            Seal(damaged);
            File.WriteAllBytes(_path, damaged);
            try
            {
                using Manifest manifest = Manifest.Open(_path);
                ManifestReader.ReadAll(manifest, maxRows: 200);
            }
            catch (CacheException e)
            {
                Assert.True(e.Error is CacheError.Corrupt or CacheError.Unsupported, e.Message);
                found++;
            }
        }

        Assert.True(found > Rounds / 10);
    }

    [Fact]
    public void Open_CutAtAnyLengthOrGrown_SaysSo()
    {
        int[] lengths = [0, 1, 7, 8, 9, 11, 12, 100, 4095, 4096, 4097, 4127, 4128, 8191, 8192, 8193, _bytes.Length / 2, _bytes.Length - 9, _bytes.Length - 8, _bytes.Length - 1];
        foreach (int length in lengths)
        {
            File.WriteAllBytes(_path, _bytes[..length]);
            CacheException cut = Assert.Throws<CacheException>(() => Manifest.Open(_path, dataset: "birds"));
            Assert.Equal(CacheError.Corrupt, cut.Error);
            Assert.Contains("is cut short", cut.Message, StringComparison.Ordinal);
            Assert.Contains("mlp dataset sync birds", cut.Message, StringComparison.Ordinal);
        }

        File.WriteAllBytes(_path, [.. _bytes, 0]);
        Assert.Contains("bytes behind its end", Assert.Throws<CacheException>(() => Manifest.Open(_path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_OfAnotherFormatOrNoManifestOrAnotherVersion_SaysWhich()
    {
        byte[] newer = [.. _bytes];
        newer[8] = 7;
        File.WriteAllBytes(_path, newer);
        CacheException e = Assert.Throws<CacheException>(() => Manifest.Open(_path));
        Assert.Equal(CacheError.Unsupported, e.Error);
        Assert.Contains("this file is manifest format 7; this mlp reads 1", e.Message, StringComparison.Ordinal);

        // A section from a later release: needed below 0x1000, optional from there on.
        byte[] needed = [.. _bytes];
        needed[257] = 0x01;
        Seal(needed);
        File.WriteAllBytes(_path, needed);
        e = Assert.Throws<CacheException>(() => Manifest.Open(_path));
        Assert.Equal(CacheError.Unsupported, e.Error);
        Assert.Contains("a section of type 257", e.Message, StringComparison.Ordinal);

        int count = _bytes[20];
        byte[] optional = [.. _bytes];
        optional[20]++;
        optional.AsSpan(256 + (48 * (count - 1)), 48).CopyTo(optional.AsSpan(256 + (48 * count)));
        optional[256 + (48 * count) + 1] = 0x10;
        Seal(optional);
        File.WriteAllBytes(_path, optional);
        using (Manifest later = Manifest.Open(_path))
        {
            Assert.Equal(_answers, ManifestReader.ReadAll(later));
        }

        File.WriteAllText(_path, "#!/bin/sh\n" + new string('x', 9000));
        Assert.Contains("is no manifest", Assert.Throws<CacheException>(() => Manifest.Open(_path)).Message, StringComparison.Ordinal);

        // A whole manifest under the name of another version.
        string wrong = Path.Combine(_folder.Versions, new string('a', 64) + ".manifest");
        File.WriteAllBytes(wrong, _bytes);
        Assert.Contains("where sha256:aaaaaaaaaaaa belongs", Assert.Throws<CacheException>(() => Manifest.Open(wrong)).Message, StringComparison.Ordinal);

        Assert.Equal(CacheError.NotFound, Assert.Throws<CacheException>(() => Manifest.Open(_path + ".none")).Error);
        Assert.Equal(CacheError.NotFound, Assert.Throws<CacheException>(() => Manifest.Open(_path + "/none")).Error);
    }

    [Fact]
    public async Task Pages_DamagedAfterOpen_AreFoundWhenTouchedAndOnlyThen()
    {
        StoreEntry[] entries = [.. Enumerable.Range(0, 20_000).Select(i => ManifestFolder.FileEntry($"d{i / 100:000}/file-{i}", i, $"{i * 7919L:x32}"))];
        ManifestBuildResult result = await _folder.BuildAsync(entries);
        using Manifest manifest = Manifest.Open(result.Path);
        Assert.True(manifest.PageCount > 5);
        Assert.True(manifest.TryFindPath("d000/file-1"u8, out long row));
        Assert.InRange(manifest.VerifiedPages, 1, manifest.PageCount - 1);

        // The identities are the last large section; the mapping shows what is written to the file.
        using (FileStream file = new(result.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.Position = file.Length - 100_000;
            file.WriteByte((byte)(0xA5 ^ file.Position));
            file.WriteByte(0x5A);
        }

        manifest.GetEntry(row, out _);
        Assert.Throws<CacheException>(() => manifest.VerifyAll(CancellationToken.None));
        CacheException e = Assert.Throws<CacheException>(() =>
        {
            for (long i = 0; i < manifest.RowCount; i++)
            {
                manifest.IdentityOf(i);
            }
        });
        Assert.Equal(CacheError.Corrupt, e.Error);
        Assert.Contains(result.Path, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pages_FirstTouchedByManyThreadsAtOnce_GiveTheSameAnswers()
    {
        StoreEntry[] entries = [.. Enumerable.Range(0, 20_000).Select(i => ManifestFolder.FileEntry($"d{i / 100:000}/file-{i}", i, $"{i * 7919L:x32}"))];
        ManifestBuildResult result = await _folder.BuildAsync(entries);
        for (int round = 0; round < 20; round++)
        {
            using Manifest manifest = Manifest.Open(result.Path);
            Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, _ =>
            {
                for (int i = 0; i < entries.Length; i += 97)
                {
                    Assert.True(manifest.TryFindPath(entries[i].Path, out long row));
                    Assert.Equal(entries[i].Identity, manifest.IdentityOf(row));
                }
            });
            Assert.InRange(manifest.VerifiedPages, 2, manifest.PageCount);
        }
    }

    [Fact]
    public void Answers_AfterDispose_AreRefused()
    {
        File.WriteAllBytes(_path, _bytes);
        Manifest manifest = Manifest.Open(_path);
        manifest.Dispose();
        manifest.Dispose();
        Assert.Throws<ObjectDisposedException>(() => manifest.TryFindPath("train"u8, out _));
    }

    /// <summary>Makes all hashes right again, as if a builder had meant it.</summary>
    private static void Seal(byte[] bytes)
    {
        int dataOffset = 8192;
        int pages = (bytes.Length - dataOffset + 65535) / 65536;
        for (int page = 0; page < pages; page++)
        {
            int start = dataOffset + (page * 65536);
            SHA256.HashData(bytes.AsSpan(start, Math.Min(65536, bytes.Length - start)), bytes.AsSpan(4096 + (page * 32)));
        }

        SHA256.HashData(bytes.AsSpan(4096, pages * 32), bytes.AsSpan(48));
        SHA256.HashData(bytes.AsSpan(0, 4064), bytes.AsSpan(4064));
    }
}
