using System.Text;
using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Lab;
using MLPlatform.UnderStore;
using Xunit;

namespace MLPlatform.Tests.UnderStore;

/// <summary>However a listing is split, in whatever order its parts are taken and wherever each is left and taken up again, every key comes once.</summary>
public sealed class S3ListingProperties
{
    // Names that compare differently by byte, by character and by culture, and ones at the edges of what is guessed between.
    private static readonly string[] s_edges = ["é", "日本", "😀", "\u007f", "\u0001", "\uffff", "a/"];

    private static readonly Gen<string> s_component = Gen.OneOf(
        Gen.Int[0, 30].Select(static i => $"{i:d3}"),
        Gen.Char["ab zZ_~-.+%!0"].Array[0, 3].Select(static c => new string(c)),
        Gen.Int[0, s_edges.Length - 1].Select(static i => s_edges[i]));

    private static readonly Gen<string> s_key = s_component.Array[1, 4].Select(static c => string.Join('/', c)).Where(static k => k.Length > 0);

    [Fact]
    public void Units_InAnyOrder_YieldEveryKeyOnce() =>
        Gen.Select(s_key.Array[0, 150], Gen.Int[1, 12], Gen.Bool, Gen.Int).Sample(
            (keys, pageKeys, oddPages, seed) => CheckAsync(keys, pageKeys, oddPages, seed).GetAwaiter().GetResult(),
            iter: 60,
            threads: 1);

    [Fact]
    public async Task Units_OfALargeFlatDirectory_AreCutInParts()
    {
        string[] keys = [.. Enumerable.Range(0, 400).Select(static i => $"img_{i * 7:d6}.jpg")];
        (int units, int lists) = await CheckAsync(keys, pageKeys: 10, oddPages: false, seed: 1);
        Assert.InRange(units, 4, 60);
        Assert.InRange(lists, 40, 200); // 40 pages, and what the cuts cost.
    }

    [Fact]
    public async Task Units_OfManyDirectories_AreCutInParts()
    {
        string[] keys = [.. Enumerable.Range(0, 2000).Select(static i => $"class{i / 10:d4}/img{i}.jpg")];
        (int units, int lists) = await CheckAsync(keys, pageKeys: 10, oddPages: false, seed: 1);
        Assert.InRange(units, 10, 60);
        Assert.InRange(lists, 200, 330);
    }

    [Fact]
    public async Task Units_OfFewPages_AreNotCut()
    {
        string[] keys = [.. Enumerable.Range(0, 60).Select(static i => $"class{i / 3:d4}/img{i}.jpg")];
        (int units, int lists) = await CheckAsync(keys, pageKeys: 10, oddPages: false, seed: 1);
        Assert.Equal((1, 8), (units, lists)); // Six pages and two looks at the directories.
    }

    /// <returns>Units that were listed, not counting those taken up again, and LIST requests.</returns>
    private static async Task<(int Units, int Lists)> CheckAsync(string[] keys, int pageKeys, bool oddPages, int seed)
    {
        MemorySource source = new("bucket");
        foreach (string key in keys)
        {
            source.Add("bucket", "root/" + key, [1]);
        }

        source.Add("bucket", "root", [1]);
        source.Add("bucket", "root0", [1]);
        await using LightOrigin origin = await LightOrigin.StartAsync(source, new LightOriginOptions { MaxPageKeys = pageKeys, ShortPages = oddPages });
        await using IUnderStore store = UnderStoreFactory.Open("s3://bucket/root", new UnderStoreOptions { EndpointUrl = origin.Endpoint.ToString(), Anonymous = true }, TimeProvider.System, NullLoggerFactory.Instance);
        Random random = new(seed);
        List<ListUnit> units = [ListUnit.Everything];
        List<string> found = [];
        int count = 1;
        bool resume = seed != 1;
        while (units.Count > 0)
        {
            int index = random.Next(units.Count);
            ListUnit unit = units[index];
            units.RemoveAt(index);
            await foreach (ListPage page in store.ListUnitAsync(unit, S3UnderStoreTests.Limit()))
            {
                found.AddRange(page.Entries.Select(static e => Encoding.UTF8.GetString(e.Path)));
                units.AddRange(page.Split);
                count += page.Split.Count;
                if (resume && page.Rest is not null && random.Next(3) == 0)
                {
                    units.Add(page.Rest);
                    break;
                }
            }
        }

        Assert.Equal(keys.Distinct().Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
        return (count, (int)store.Counters.Lists);
    }
}
