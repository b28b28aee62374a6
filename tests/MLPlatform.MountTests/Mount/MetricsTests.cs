using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using MLPlatform.Fuse;
using MLPlatform.MountTests.Support;
using Xunit;

namespace MLPlatform.MountTests.Mount;

/// <summary>The numbers of a real mount over HTTP.</summary>
[Trait("Published", "true")]
public sealed partial class MetricsTests : IDisposable
{
    private readonly string _source = Directory.CreateTempSubdirectory("mlp-metrics-").FullName;

    public MetricsTests() => File.WriteAllText(Path.Combine(_source, "file"), "content\n");

    public void Dispose() => Directory.Delete(_source, recursive: true);

    [SkippableFact]
    public async Task Metrics_OfAMount_AreThoseOfItsStats()
    {
        Requires.Fuse();
        await using MountedSource mount = await MountedSource.StartPinnedAsync(_source, ["--no-passthrough"], new Dictionary<string, string> { ["MLP_METRICS"] = "127.0.0.1:0" });
        Assert.Equal("content\n", await File.ReadAllTextAsync(mount.PathOf("file")));
        using HttpClient client = new() { BaseAddress = new Uri(AddressOf(mount)), Timeout = TimeSpan.FromSeconds(20) };
        Dictionary<string, decimal> series = Series(await client.GetStringAsync("/metrics"));
        JsonElement stats = await mount.StatisticsAsync();

        // Every number of the one is in the other; what stands still in between is the same.
        List<string> expected = [.. Numbers(stats)];
        Assert.NotEmpty(expected);
        Assert.Empty(expected.Except(series.Keys));
        foreach (string name in (string[])["read_bytes", "origin_bytes", "budget_limit_bytes"])
        {
            Assert.Equal(stats.GetProperty(name).GetDecimal(), series["mlp_" + name]);
        }

        Assert.Equal(8, series["mlp_read_bytes"]);
        Assert.Equal(1, series["mlp_dataset_files"]);
        Assert.True(series["mlp_fuse_requests{operation=\"read\"}"] > 0);
        Assert.Contains(series.Keys, static key => key.StartsWith("mlp_mount_info{", StringComparison.Ordinal) && key.Contains("dataset_mode=\"pinned\"", StringComparison.Ordinal));

        Assert.Equal("ok\n", await client.GetStringAsync("/healthz"));
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/")).StatusCode);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await client.PostAsync("/metrics", new StringContent("x"))).StatusCode);
    }

    [SkippableFact]
    public async Task Metrics_AddressIsTaken_NothingIsMounted()
    {
        Requires.Fuse();
        await using MountedSource first = await MountedSource.StartAsync(_source, ["--metrics", "127.0.0.1:0"]);
        string address = new Uri(AddressOf(first)).Authority;
        string root = Directory.CreateTempSubdirectory("mlp-metrics-").FullName;
        string mountPoint = Directory.CreateDirectory(Path.Combine(root, "mnt")).FullName;
        CommandResult second = await Mlp.RunAsync(["mount", _source, mountPoint, "--metrics", address], MountedSource.Environment(root));
        Assert.True(second.ExitCode == 1, second.ToString());
        Assert.Contains($"Metrics cannot be served at {address}: another process listens there", Assert.Single(second.Error.Trim().Split('\n')), StringComparison.Ordinal);
        Assert.DoesNotContain(MountTable.Read(), entry => entry.Directory == mountPoint);
        Directory.Delete(root, recursive: true);
    }

    private static string AddressOf(MountedSource mount) => Address().Match(Assert.Single(mount.Log, static line => Address().IsMatch(line))).Groups[1].Value;

    private static Dictionary<string, decimal> Series(string text)
    {
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Dictionary<string, decimal> series = [];
        foreach (string line in lines.Where(static line => line[0] != '#'))
        {
            int space = line.LastIndexOf(' ');
            series.Add(line[..space], decimal.Parse(line[(space + 1)..], System.Globalization.CultureInfo.InvariantCulture));
            string name = line.Split('{', ' ')[0];
            Assert.Contains(lines, other => other.StartsWith($"# TYPE {name} ", StringComparison.Ordinal));
            Assert.Contains(lines, other => other.StartsWith($"# HELP {name} ", StringComparison.Ordinal));
        }

        return series;
    }

    /// <summary>The series that a document of numbers stands for.</summary>
    private static IEnumerable<string> Numbers(JsonElement stats)
    {
        Dictionary<string, string> labels = new() { ["fuse_requests"] = "operation", ["hit_bytes"] = "tier", ["origin_requests"] = "request" };
        foreach (JsonProperty property in stats.EnumerateObject())
        {
            if (property.Value.ValueKind == JsonValueKind.Number)
            {
                yield return "mlp_" + property.Name;
            }
            else if (property.Value.ValueKind == JsonValueKind.Object)
            {
                // What was asked for the first time meanwhile, to read the stats, the other does not have yet.
                foreach (JsonProperty member in property.Value.EnumerateObject().Where(m => m.Value.ValueKind == JsonValueKind.Number && (property.Name != "fuse_requests" || m.Name is "lookup" or "read")))
                {
                    yield return labels.TryGetValue(property.Name, out string? label) ? $"mlp_{property.Name}{{{label}=\"{member.Name}\"}}" : $"mlp_{property.Name}_{member.Name}";
                }
            }
        }
    }

    [GeneratedRegex("Metrics are served at (http://[^/]+)/metrics")]
    private static partial Regex Address();
}
