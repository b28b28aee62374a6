using System.Text;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.UnderStore;

namespace MLPlatform.Tests.Manifests;

/// <summary>Fixed inputs with one of everything that the format can hold.</summary>
internal static class ManifestSamples
{
    public static IReadOnlyList<ManifestMount> Mounts { get; } = [new ManifestMount("", "s3://bucket/birds"), new ManifestMount("local/disk", "file:///data/birds")];

    public static IReadOnlyList<(int Mount, StoreEntry Entry)> First { get; } =
    [
        .. Enumerable.Range(0, 40).Select(i => (0, ManifestFolder.FileEntry($"train/n0144{i / 20}/n0144{i / 20}_{i * 37}.JPEG", 100_000 + i, $"{i:x32}", 1_600_000_000_000_000_000 + (i * 60_000_000_000)))),
        (0, ManifestFolder.FileEntry("train/big.tar", 5L << 30, "0123456789abcdef0123456789abcdef-640")),
        (0, ManifestFolder.FileEntry("train/odd", 1, "\"some-other-etag\"")),
        (0, ManifestFolder.FileEntry("val/", 0)),
        (0, ManifestFolder.FileEntry("val//x")),
        (0, ManifestFolder.FileEntry("val/../x")),
        (0, ManifestFolder.FileEntry("train", 3)),
        (0, new StoreEntry { Path = Encoding.UTF8.GetBytes("na\u00efve"), Kind = StoreEntryKind.File, Size = 2, MtimeNanoseconds = 5_000_000_000 }),
        (1, new StoreEntry { Path = "sub"u8.ToArray(), Kind = StoreEntryKind.Directory, Mode = 488, Uid = 1000, Gid = 100, MtimeNanoseconds = 1_700_000_001_000_000_000 }),
        (1, new StoreEntry { Path = [(byte)'r', 0xFF, 0xFE], Kind = StoreEntryKind.File, Size = 9, Mode = 420, Uid = 1000, Gid = 100, MtimeNanoseconds = 1_700_000_002_000_000_000, Identity = ObjectIdentity.FromFile(1_700_000_002_000_000_000, 4711) }),
        (1, new StoreEntry { Path = "sub/link"u8.ToArray(), Kind = StoreEntryKind.SymbolicLink, Mode = 511, Uid = 0, Gid = 0, MtimeNanoseconds = 1_700_000_003_000_000_000, LinkTarget = "../elsewhere"u8.ToArray() }),
        (1, new StoreEntry { Path = "hdfs-like"u8.ToArray(), Kind = StoreEntryKind.File, Size = 0, MtimeNanoseconds = 0, Identity = ObjectIdentity.FromHdfs(1_700_000_002_000, 16_385) }),
    ];

    /// <summary>The second version upon the first, with the members of two shards in it.</summary>
    public static async Task<ManifestBuildResult> BuildShardsAsync(ManifestFolder folder)
    {
        using Manifest first = Manifest.Open((await folder.BuildAsync(First, folder.Options(Mounts))).Path);
        await using ManifestBuilder builder = ManifestBuilder.Open(folder.Options(Mounts, first) with { IndexTar = true });
        foreach (IGrouping<int, (int Mount, StoreEntry Entry)> mount in Second.GroupBy(static e => e.Mount))
        {
            await builder.AddAsync(mount.Key, [.. mount.Select(static e => e.Entry)], CancellationToken.None);
        }

        TarMembers members = new();
        for (int i = 0; i < 20; i++)
        {
            members.Add(new TarMember(TarMemberKind.File, 512 + (i * 2048), 1000 + i, 1_600_000_000_000_000_000 + (i * 1_000_000_000L)), Encoding.UTF8.GetBytes($"{i / 5}/{i:d6}.jpg"));
        }

        members.Add(new TarMember(TarMemberKind.NoFile, 41_472, 0, 0), "link"u8);
        members.Add(new TarMember(TarMemberKind.Directory, 41_984, 0, 1_500_000_000_000_000_000), "hollow"u8);
        await builder.AddShardAsync(0, ManifestFolder.FileEntry("train/shard-0.tar", 50_000, "0123456789abcdef0123456789abcdef-3"), members, null, CancellationToken.None);
        await builder.AddShardAsync(1, new StoreEntry { Path = "sub/shard-1.tar"u8.ToArray(), Kind = StoreEntryKind.File, Size = 60_000, Mode = 416, Uid = 1000, Gid = 100, MtimeNanoseconds = 1_700_000_004_000_000_000, Identity = ObjectIdentity.FromFile(1_700_000_004_000_000_000, 4712) }, members, null, CancellationToken.None);
        return await builder.FinishAsync(folder.Versions, CancellationToken.None);
    }

    /// <summary>The same a day later: some gone, some changed, some new.</summary>
    public static IReadOnlyList<(int Mount, StoreEntry Entry)> Second { get; } =
    [
        .. First.Where((_, i) => i % 5 != 0),
        (0, ManifestFolder.FileEntry("train/n01440/n01440_0.JPEG", 77, "ffffffffffffffffffffffffffffffff")),
        (0, ManifestFolder.FileEntry("val/new", 78)),
    ];
}
