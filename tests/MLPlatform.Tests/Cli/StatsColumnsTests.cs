using MLPlatform.Cli.Inspection;
using MLPlatform.Core;
using Xunit;

namespace MLPlatform.Tests.Cli;

public sealed class StatsColumnsTests
{
    [Fact]
    public void Line_TwoSnapshots_ShowsRatesOfTheInterval()
    {
        StatsSnapshot before = StatsSnapshot.Parse("""{"cpu_s":1,"fuse_requests":{"lookup":10,"read":5},"read_bytes":0,"hit_bytes":{"memory":0},"miss_bytes":0,"origin_requests":{"get":0}}""");
        StatsSnapshot now = StatsSnapshot.Parse("""{"cpu_s":2,"rss_bytes":1048576,"fuse_requests":{"lookup":30,"read":25},"read_bytes":4194304,"hit_bytes":{"memory":3,"disk":3},"miss_bytes":2,"cached_bytes":{"disk":2048,"fast":1024},"origin_bytes":2048,"origin_requests":{"get":8},"read_errors":1}""");
        string[] cells = StatsColumns.Line(before, now, 2).Split(['|', ' '], StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["50%", "1MiB", "0B", "20", "10", "0", "0", "10", "2MiB", "75%", "1", "1B", "3KiB", "1KiB", "4", "0", "0", "0"], cells);
    }

    [Fact]
    public void Line_HugeNumbers_StayInTheirColumns()
    {
        StatsSnapshot now = StatsSnapshot.Parse("""{"cpu_s":16,"rss_bytes":9e12,"budget_used_bytes":1e12,"fuse_requests":{"lookup":123456789},"read_bytes":9.9e11,"miss_bytes":1}""");
        string line = StatsColumns.Line(null, now, 1);
        Assert.Equal(StatsColumns.Headings().Last().Length, line.Length);
    }

    [Fact]
    public void Parse_NoJson_IsCorrupt() => Assert.Equal(CacheError.Corrupt, Assert.Throws<CacheException>(() => StatsSnapshot.Parse("stats")).Error);
}
