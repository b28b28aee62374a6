using CsCheck;
using Microsoft.Extensions.Time.Testing;
using MLPlatform.Core;
using MLPlatform.Datasets;
using Xunit;

namespace MLPlatform.Tests.Live;

/// <summary>The laws of inode numbers, under random changes of the store and random questions.</summary>
public sealed class LiveTreeProperties
{
    private static readonly string[] s_paths = ["a", "b", "d/a", "d/b", "d/e/a", "a/x", "b/x"];

    private enum Step
    {
        Put,
        PutOldVersion,
        Delete,
        Lookup,
        List,
        Wait,
        Hold,
        Drop,
    }

    private static readonly Gen<(Step Step, int Path, int Number)[]> s_steps =
        Gen.Select(Gen.Enum<Step>(), Gen.Int[0, s_paths.Length - 1], Gen.Int[0, 40]).Array[1, 60];

    [Fact]
    public void Numbers_WhateverHappens_StandForOneVersionOfOnePath() =>
        s_steps.Sample(steps => Run(steps, maxRecentNames: 1000, requireOneNumberPerVersion: true).GetAwaiter().GetResult(), iter: 2000);

    [Fact]
    public void Numbers_WithLittleMemory_AreStillNeverGivenToAnother() =>
        s_steps.Sample(steps => Run(steps, maxRecentNames: 16, requireOneNumberPerVersion: false).GetAwaiter().GetResult(), iter: 1000);

    private static async Task Run((Step Step, int Path, int Number)[] steps, int maxRecentNames, bool requireOneNumberPerVersion)
    {
        var store = new MemoryStore();
        var time = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(50));
        await using var tree = new LiveTree("test", [new TreeMount([], store)], new CountingNumbers(), new LiveTreeOptions { MaxRecentNames = maxRecentNames, MaxListedEntries = 8 }, time);
        var reader = new TreeReader(tree);
        var versionOf = new Dictionary<ulong, string>();
        var numberOf = new Dictionary<string, ulong>();
        var held = new Dictionary<ulong, ulong>();
        var versions = new List<ObjectIdentity>();

        void Saw(string path, TreeEntry entry)
        {
            string version = tree.GetFile(entry.Inode) is { } file ? TreeReader.Describe(file) : $"directory {path}";
            Assert.True(tree.GetFile(entry.Inode) is not { } whole || whole.Object.Size == entry.Size);
            Assert.True(versionOf.TryAdd(entry.Inode, version) || versionOf[entry.Inode] == version, $"{entry.Inode} was {versionOf[entry.Inode]} and is {version}");
            if (!numberOf.TryAdd(version, entry.Inode) && (requireOneNumberPerVersion || held.ContainsKey(numberOf[version])))
            {
                Assert.Equal(numberOf[version], entry.Inode);
            }

            numberOf[version] = entry.Inode;
        }

        foreach ((Step step, int pathIndex, int number) in steps)
        {
            string path = s_paths[pathIndex];
            switch (step)
            {
                case Step.Put:
                    versions.Add(store.Put(path, number % 3));
                    break;
                case Step.PutOldVersion when versions.Count > 0:
                    store.Put(path, number % 3, versions[number % versions.Count], mtime: number);
                    break;
                case Step.Delete:
                    store.Delete(path);
                    break;
                case Step.Lookup:
                    try
                    {
                        if (await reader.WalkAsync(path) is { } entry)
                        {
                            Saw(path, entry);
                        }
                    }
                    catch (CacheException)
                    {
                        // A file stands where the path wants a directory.
                    }

                    break;
                case Step.List:
                    ulong directory = 1;
                    string prefix = "";
                    if (number % 3 == 1 && await reader.LookupAsync(1, "d") is { } below)
                    {
                        directory = below.Inode;
                        prefix = "d/";
                    }

                    try
                    {
                        foreach ((string name, TreeEntry listed) in await reader.ListAsync(directory, 1 + (number % 4)))
                        {
                            Saw(prefix + name, listed);
                        }
                    }
                    catch (CacheException)
                    {
                        // As above.
                    }

                    break;
                case Step.Wait:
                    time.Advance(TimeSpan.FromSeconds(number % 4));
                    break;
                case Step.Hold when versionOf.Count > 0:
                    ulong inode = versionOf.Keys.ElementAt(number % versionOf.Count);
                    if (tree.TryGetEntry(inode, out _) == TreeOutcome.Found)
                    {
                        tree.AddReference(inode);
                        held[inode] = held.GetValueOrDefault(inode) + 1;
                    }

                    break;
                case Step.Drop when held.Count > 0:
                    (ulong dropped, ulong count) = held.ElementAt(number % held.Count);
                    tree.DropReferences(dropped, count);
                    held.Remove(dropped);
                    break;
            }

            // What the kernel holds stays what it was.
            foreach (ulong inode in held.Keys)
            {
                Assert.Equal(TreeOutcome.Found, tree.TryGetEntry(inode, out _));
                if (tree.GetFile(inode) is { } file)
                {
                    Assert.Equal(versionOf[inode], TreeReader.Describe(file));
                }
            }
        }
    }
}
