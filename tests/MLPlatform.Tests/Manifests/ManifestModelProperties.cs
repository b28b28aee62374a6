using System.Text;
using CsCheck;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.UnderStore;
using Xunit;

namespace MLPlatform.Tests.Manifests;

/// <summary>Generated trees, built and read, say what the dictionaries of <see cref="ReferenceTree"/> say.</summary>
public sealed class ManifestModelProperties : IDisposable
{
    // Few components, so that names meet; one of each kind that POSIX has trouble with.
    private static readonly string[] s_components =
    [
        "a", "b", "ab", "abc", "a.b", "a-", "z", "\u00ff\u00fe", "\u00c3\u00a9", "A", "0", " ", "a b", "%2F", "+",
        ".", "..", "", "nul\0", new string('x', 255), new string('x', 256), "...",
    ];

    private static readonly Gen<string> s_component = Gen.Frequency((8, Gen.OneOf(s_components[..8])), (2, Gen.OneOf(s_components)), (3, Gen.Int[0, 40].Select(i => $"n{i:00}")));

    private static readonly Gen<ObjectIdentity> s_identity = Gen.OneOf(
        Gen.Const(ObjectIdentity.None),
        Gen.ULong.Select(v => ObjectIdentity.FromETag($"{new UInt128(v, v):x32}")),
        Gen.Select(Gen.ULong, Gen.UInt[1, 10_000]).Select((v, parts) => ObjectIdentity.FromETag($"{new UInt128(v, v):x32}-{parts}")),
        Gen.Int[0, 1000].Select(v => ObjectIdentity.FromETag($"other-{v}")),
        Gen.Select(Gen.Long, Gen.ULong).Select(ObjectIdentity.FromFile),
        Gen.Select(Gen.Long, Gen.ULong).Select(ObjectIdentity.FromHdfs));

    private static readonly Gen<StoreEntry> s_entry = Gen.Select(
        s_component.Array[1, 5],
        Gen.Frequency((8, Gen.Const(StoreEntryKind.File)), (1, Gen.Const(StoreEntryKind.Directory)), (1, Gen.Const(StoreEntryKind.SymbolicLink))),
        Gen.Frequency((5, Gen.Long[0, 100_000]), (1, Gen.Long[0, 1L << 50])),
        s_identity,
        Gen.Select(Gen.UInt[0, 2], Gen.UInt[0, 2], Gen.Int[0, 3]),
        Gen.Int[0, 9]).Select((components, kind, size, identity, owner, marker) => new StoreEntry
        {
            Path = Encoding.Latin1.GetBytes(string.Join('/', components) + (marker == 0 && kind != StoreEntryKind.SymbolicLink ? "/" : "")),
            Kind = kind,
            Size = size,
            Identity = kind == StoreEntryKind.File ? identity : ObjectIdentity.None,
            Mode = owner.Item3 == 0 ? null : (ushort)(384 + owner.Item3),
            Uid = owner.Item1 == 0 ? null : owner.Item1,
            Gid = owner.Item2 == 0 ? null : owner.Item2,
            LinkTarget = kind == StoreEntryKind.SymbolicLink ? Encoding.Latin1.GetBytes("../" + components[0].Replace("\0", "")) : null,
        });

    // Times differ, so that of two claims to a name the newer is known.
    private static readonly Gen<StoreEntry[]> s_entries = Gen.Select(
        s_entry.Array[0, 120],
        Gen.OneOf(1L, 1_000_000L, 1_000_000_000L),
        Gen.Long[-1000, 1_700_000_000],
        (entries, unit, start) => entries.Select((e, i) => e with { MtimeNanoseconds = (start + i) * unit }).ToArray());

    private readonly ManifestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Manifest_OfAnyEntries_AgreesWithTheModel() =>
        s_entries.Sample(
            entries =>
            {
                using Manifest manifest = _folder.OpenAsync(entries).GetAwaiter().GetResult();
                AssertAgrees(manifest, new ReferenceTree(entries));
            },
            iter: 300,
            threads: 1);

    [Fact]
    public void Digest_OfTheSameEntriesInAnyOrderAndAnyRuns_IsTheSame() =>
        Gen.Select(s_entries, Gen.Int).Sample(
            (entries, seed) =>
            {
                ManifestBuilderOptions manyRuns = _folder.Options() with { Resumable = true, CheckpointInterval = TimeSpan.Zero, MaxMergedRuns = 2 };
                DatasetVersionId first = _folder.BuildAsync(entries).GetAwaiter().GetResult().Digest;
                StoreEntry[] shuffled = [.. entries, .. entries.Take(5)];
                new Random(seed).Shuffle(shuffled);
                Assert.Equal(first, _folder.BuildAsync(shuffled, manyRuns, batch: 25).GetAwaiter().GetResult().Digest);
            },
            iter: 60,
            threads: 1);

    [Fact]
    public void InodeNumbers_ThroughRandomRebuilds_KeepTheUnchangedAndNeverComeBack() =>
        Gen.Select(s_entries, Gen.Int).Sample(
            (entries, seed) =>
            {
                var random = new Random(seed);
                var meaning = new Dictionary<ulong, string>();
                var current = entries.ToList();
                Manifest? previous = null;
                for (int version = 0; version < 4; version++)
                {
                    Manifest next = _folder.OpenAsync(current, _folder.Options(previous: previous)).GetAwaiter().GetResult();
                    AssertAgrees(next, new ReferenceTree(current));
                    AssertInodes(previous, next, meaning);
                    previous?.Dispose();
                    previous = next;
                    Mutate(current, random);
                }

                previous?.Dispose();
            },
            iter: 60,
            threads: 1);

    [Fact]
    public void Diff_BetweenRebuilds_TellsWhatAComparisonOfAllPathsTells() =>
        Gen.Select(s_entries, Gen.Int).Sample(
            (entries, seed) =>
            {
                var current = entries.ToList();
                using Manifest before = _folder.OpenAsync(current).GetAwaiter().GetResult();
                Mutate(current, new Random(seed));
                using Manifest after = _folder.OpenAsync(current, _folder.Options(previous: before)).GetAwaiter().GetResult();

                ManifestDiff diff = ManifestDiff.Compare(before, after, int.MaxValue, CancellationToken.None);

                Dictionary<string, (ulong Inode, StoreEntryKind Kind)> old = Rows(before);
                Dictionary<string, (ulong Inode, StoreEntryKind Kind)> now = Rows(after);
                Assert.Equal(now.Count(n => n.Value.Kind == StoreEntryKind.File && !IsFile(old, n.Key)), diff.Added);
                Assert.Equal(old.Count(n => n.Value.Kind == StoreEntryKind.File && !IsFile(now, n.Key)), diff.Removed);
                Assert.Equal(now.Count(n => n.Value.Kind == StoreEntryKind.File && IsFile(old, n.Key) && old[n.Key].Inode != n.Value.Inode), diff.Changed);
                AssertNamesCoverEveryDifference(old, now, diff, after);
            },
            iter: 100,
            threads: 1);

    private static void AssertNamesCoverEveryDifference(Dictionary<string, (ulong Inode, StoreEntryKind Kind)> old, Dictionary<string, (ulong Inode, StoreEntryKind Kind)> now, ManifestDiff diff, Manifest after)
    {
        var told = diff.Names!.Select(n => (n.Directory, Encoding.Latin1.GetString(n.Name))).ToHashSet();
        foreach (string path in old.Keys.Union(now.Keys))
        {
            // A directory that is new or gone stands for what is below it.
            string parent = ReferenceTree.ParentOf(path);
            bool differs = path.Length > 0 && (!old.TryGetValue(path, out var was) || !now.TryGetValue(path, out var isNow) || was.Inode != isNow.Inode);
            if (path.Length > 0 && old.TryGetValue(parent, out var oldParent) && now.TryGetValue(parent, out var newParent) && oldParent == newParent && oldParent.Kind == StoreEntryKind.Directory)
            {
                Assert.Equal(differs, told.Contains((newParent.Inode, ReferenceTree.NameOf(path))));
                Assert.True(!differs || diff.Inodes.Contains(newParent.Inode));
            }
        }

        Assert.All(diff.Inodes, inode => Assert.True(after.TryFindInode(inode, out _)));
    }

    private static bool IsFile(Dictionary<string, (ulong Inode, StoreEntryKind Kind)> rows, string path) =>
        rows.TryGetValue(path, out (ulong Inode, StoreEntryKind Kind) row) && row.Kind == StoreEntryKind.File;

    private static Dictionary<string, (ulong Inode, StoreEntryKind Kind)> Rows(Manifest manifest)
    {
        var all = new Dictionary<string, (ulong, StoreEntryKind)>();
        for (long row = 0; row < manifest.RowCount; row++)
        {
            all.Add(Encoding.Latin1.GetString(manifest.PathOf(row)), (manifest.InodeOf(row), manifest.KindOf(row)));
        }

        return all;
    }

    private static void Mutate(List<StoreEntry> entries, Random random)
    {
        for (int i = 0; i < 10 && entries.Count > 0; i++)
        {
            int at = random.Next(entries.Count);
            long later = entries.Max(e => e.MtimeNanoseconds) + 1_000_000_000;
            switch (random.Next(4))
            {
                case 0:
                    entries.RemoveAt(at);
                    break;
                case 1 when entries[at].Kind == StoreEntryKind.File:
                    entries[at] = entries[at] with { Identity = ObjectIdentity.FromETag($"{random.NextInt64():x32}"), MtimeNanoseconds = later };
                    break;
                case 2 when entries[at].Kind == StoreEntryKind.File && entries[at].Identity.Kind != IdentityKind.None:
                    entries[at] = entries[at] with { Mode = (ushort)random.Next(8) }; // Another mode is no other file.
                    break;
                default:
                    StoreEntry copy = entries[at];
                    entries.Add(copy with { Path = [.. copy.Path.AsSpan().TrimEnd((byte)'/'), (byte)'/', (byte)random.Next('a', 'f')], Kind = StoreEntryKind.File, Identity = ObjectIdentity.FromETag($"new{random.Next()}"), LinkTarget = null, MtimeNanoseconds = later });
                    break;
            }
        }
    }

    private static void AssertInodes(Manifest? previous, Manifest next, Dictionary<ulong, string> meaning)
    {
        Assert.True(previous is null || next.NextInode >= previous.NextInode);
        for (long row = 0; row < next.RowCount; row++)
        {
            ulong inode = next.InodeOf(row);
            Assert.InRange(inode, 1UL, next.NextInode - 1);
            string what = Meaning(next, row);
            Assert.True(meaning.TryAdd(inode, what) || meaning[inode] == what, $"{inode} was {meaning[inode]} and is {what}");
            if (previous is not null && previous.TryFindPath(next.PathOf(row), out long before) && Meaning(previous, before) == what)
            {
                Assert.Equal(previous.InodeOf(before), inode);
            }
        }
    }

    private static string Meaning(Manifest manifest, long row)
    {
        ObjectIdentity identity = manifest.IdentityOf(row);
        string time = manifest.KindOf(row) == StoreEntryKind.File && identity.Kind == IdentityKind.None ? $" {manifest.MtimeOf(row)}" : "";
        return $"{Convert.ToHexString(manifest.PathOf(row))} {manifest.KindOf(row)} {identity} {manifest.SizeOf(row)} {Convert.ToHexString(manifest.LinkTargetOf(row) ?? [])}{time}";
    }

    private static void AssertAgrees(Manifest manifest, ReferenceTree model)
    {
        Assert.Equal(model.Nodes.Count, manifest.RowCount);
        Assert.Equal(model.Nodes.Values.Count(n => n.IsFile), manifest.Files);
        Assert.Equal(model.Nodes.Values.Count(n => n.IsDirectory), manifest.Directories);
        Assert.Equal(model.Nodes.Values.Where(n => n.IsFile).Sum(n => n.Entry!.Size), manifest.Bytes);
        Assert.Equal(model.Nodes.Values.Count(n => n.IsFile && n.Entry!.Size <= 1 << 20), manifest.SmallFiles);
        Assert.Equal(model.Skipped.Order(StringComparer.Ordinal), manifest.SkippedNames().Select(s => Encoding.Latin1.GetString(s.Path)).Order(StringComparer.Ordinal));
        Assert.Equal(model.Skipped.Count, manifest.Skipped);
        foreach ((string path, ReferenceTree.Node node) in model.Nodes)
        {
            byte[] bytes = Encoding.Latin1.GetBytes(path);
            Assert.True(manifest.TryFindPath(bytes, out long row), path);
            Assert.Equal(bytes, manifest.PathOf(row));
            Assert.True(manifest.TryFindInode(manifest.InodeOf(row), out long sameRow));
            Assert.Equal(row, sameRow);
            AssertRow(manifest, model, path, row, node);
        }

        Assert.False(manifest.TryFindInode(0, out _));
        Assert.False(manifest.TryFindInode(manifest.NextInode, out _));
        Assert.False(manifest.TryFindInode(ulong.MaxValue, out _));
    }

    private static void AssertRow(Manifest manifest, ReferenceTree model, string path, long row, ReferenceTree.Node node)
    {
        manifest.GetEntry(row, out TreeEntry entry);
        Assert.Equal(node.Entry?.Mode, entry.Mode);
        Assert.Equal(node.Entry?.Uid, entry.Uid);
        Assert.Equal(node.Entry?.Gid, entry.Gid);
        if (!node.IsDirectory)
        {
            Assert.Equal(node.Entry!.Kind, entry.Kind);
            Assert.Equal(node.Entry.MtimeNanoseconds, entry.MtimeNanoseconds);
            Assert.Equal(node.Entry.LinkTarget, manifest.LinkTargetOf(row));
            Assert.Equal(node.IsFile ? node.Entry.Size : node.Entry.LinkTarget!.Length, entry.Size);
            Assert.Equal(node.Entry.Identity, manifest.IdentityOf(row));
            Assert.Equal(new StoreObject(node.Entry.Path, manifest.SizeOf(row), node.Entry.Identity).ToString(), manifest.ObjectOf(row).ToString());
            return;
        }

        List<ReferenceTree.Node> below = model.Below(path);
        List<string> children = model.ChildrenOf(path);
        Assert.Equal(StoreEntryKind.Directory, entry.Kind);
        long files = below.Count(n => n.IsFile);
        long bytes = below.Where(n => n.IsFile).Sum(n => n.Entry!.Size);
        Assert.Equal(new DirectoryTotals(files, below.Count(n => n.IsDirectory), bytes), manifest.TotalsOf(row));
        Assert.Equal(bytes, entry.Size);
        Assert.Equal((uint)children.Count(c => model.Nodes[c].IsDirectory) + 2, entry.LinkCount);
        Assert.Equal(node.Entry?.MtimeNanoseconds ?? below.Where(n => !n.IsDirectory).Select(n => n.Entry!.MtimeNanoseconds).DefaultIfEmpty(0).Max(), entry.MtimeNanoseconds);
        var names = new List<string>();
        NameCursor cursor = manifest.Children(row);
        while (cursor.MoveNext())
        {
            names.Add(Encoding.Latin1.GetString(cursor.Name));
            Assert.Equal(row, manifest.ParentOf(cursor.Row));
            Assert.True(manifest.TryLookup(row, cursor.Name, out long found));
            Assert.Equal(cursor.Row, found);
            Assert.False(manifest.TryLookup(row, [.. cursor.Name, 1], out _));
        }

        Assert.Equal(children.Select(ReferenceTree.NameOf), names);
        Assert.False(manifest.TryLookup(row, "\u0001"u8, out _));
        Assert.False(manifest.TryLookup(row, [0xFF, 0xFF, 0xFF], out _));
        Assert.False(manifest.TryLookup(row, [], out _));
    }
}
