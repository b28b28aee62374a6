using System.Runtime.CompilerServices;
using MLPlatform.Datasets;
using Xunit;

namespace MLPlatform.Tests.Manifests;

/// <summary>
/// docs/FORMAT.md, byte for byte. A difference here is a new format: raise its version, keep reading the old one, and write the files anew with
/// <c>MLP_WRITE_GOLDEN=1</c>.
/// </summary>
public sealed class ManifestGoldenTests : IDisposable
{
    private readonly ManifestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task FirstVersion_OfAFixedInput_ComesOutByteForByte()
    {
        ManifestBuildResult result = await _folder.BuildAsync(ManifestSamples.First, _folder.Options(ManifestSamples.Mounts));

        await AssertGoldenAsync(result, "manifest-first.golden");
    }

    [Fact]
    public async Task NextVersion_OfAFixedInput_ComesOutByteForByte()
    {
        using Manifest first = Manifest.Open((await _folder.BuildAsync(ManifestSamples.First, _folder.Options(ManifestSamples.Mounts))).Path);
        ManifestBuildResult result = await _folder.BuildAsync(ManifestSamples.Second, _folder.Options(ManifestSamples.Mounts, first));

        await AssertGoldenAsync(result, "manifest-second.golden");
    }

    [Fact]
    public async Task VersionWithShards_OfAFixedInput_ComesOutByteForByte() => await AssertGoldenAsync(await ManifestSamples.BuildShardsAsync(_folder), "manifest-shards.golden");

    [Fact]
    public async Task Rebuild_WithoutAnyChange_IsTheSameVersion()
    {
        using Manifest first = Manifest.Open((await _folder.BuildAsync(ManifestSamples.First, _folder.Options(ManifestSamples.Mounts))).Path);
        Assert.Equal(first.Digest, (await _folder.BuildAsync(ManifestSamples.First, _folder.Options(ManifestSamples.Mounts, first))).Digest);
        using Manifest second = Manifest.Open((await _folder.BuildAsync(ManifestSamples.Second, _folder.Options(ManifestSamples.Mounts, first))).Path);
        Assert.Equal(second.Digest, (await _folder.BuildAsync(ManifestSamples.Second.Reverse(), _folder.Options(ManifestSamples.Mounts, second))).Digest);
    }

    private static async Task AssertGoldenAsync(ManifestBuildResult result, string name, [CallerFilePath] string source = "")
    {
        byte[] written = await File.ReadAllBytesAsync(result.Path);
        if (Environment.GetEnvironmentVariable("MLP_WRITE_GOLDEN") == "1")
        {
            await File.WriteAllBytesAsync(Path.Combine(Path.GetDirectoryName(source)!, name), written);
        }

        using Stream stream = typeof(ManifestGoldenTests).Assembly.GetManifestResourceStream(name) ?? throw new FileNotFoundException(name);
        byte[] golden = new byte[stream.Length];
        await stream.ReadExactlyAsync(golden);
        Assert.Equal(Convert.ToHexString(golden), Convert.ToHexString(written));
    }
}
