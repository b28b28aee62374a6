using System.Text.RegularExpressions;
using System.Xml.Linq;
using Xunit;

namespace MLPlatform.Tests.Repository;

/// <summary>Rules of the repository that a compiler does not check.</summary>
public sealed partial class RepositoryTests
{
    private static readonly string s_root = FindRoot();

    // Who may reference whom (docs/ARCHITECTURE.md). A project that is not named here needs a row first.
    private static readonly Dictionary<string, string[]> s_allowed = new()
    {
        ["MLPlatform.Core"] = [],
        ["MLPlatform.UnderStore"] = ["MLPlatform.Core"],
        ["MLPlatform.Datasets"] = ["MLPlatform.Core", "MLPlatform.UnderStore"],
        ["MLPlatform.Tiers"] = ["MLPlatform.Core"],
        ["MLPlatform.Protocol"] = ["MLPlatform.Core"],
        ["MLPlatform.CacheWorker"] = ["MLPlatform.Client", "MLPlatform.Core", "MLPlatform.Datasets", "MLPlatform.Protocol", "MLPlatform.Tiers", "MLPlatform.UnderStore"],
        ["MLPlatform.Client"] = ["MLPlatform.Core", "MLPlatform.Datasets", "MLPlatform.UnderStore"],
        ["MLPlatform.Fuse"] = ["MLPlatform.Core"],
        ["HelloFs"] = ["MLPlatform.Fuse"],
        ["MLPlatform.FileSystem"] = ["MLPlatform.Client", "MLPlatform.Datasets", "MLPlatform.Fuse"],
        ["MLPlatform.Lab"] = ["MLPlatform.Core"],
        ["MLPlatform.Cli"] = ["MLPlatform.CacheWorker", "MLPlatform.FileSystem", "MLPlatform.Lab"],
        ["MLPlatform.Bench"] = ["MLPlatform.Cli", "MLPlatform.Lab"],
        ["MLPlatform.Tests"] = ["MLPlatform.Cli", "MLPlatform.Lab"],
        ["MLPlatform.MountTests"] = ["MLPlatform.Bench", "MLPlatform.Cli", "MLPlatform.Lab"],
    };

    [Fact]
    public void References_OfEachProject_AreAllowed()
    {
        foreach (string project in Files("*.csproj"))
        {
            string name = Path.GetFileNameWithoutExtension(project);
            Assert.True(s_allowed.TryGetValue(name, out string[]? allowed), $"{name} has no row in the table of allowed references");
            IEnumerable<string> references = XDocument.Load(project).Descendants("ProjectReference")
                .Select(reference => Path.GetFileNameWithoutExtension((string)reference.Attribute("Include")!));
            Assert.Empty(references.Except(allowed!));
        }
    }

    [Fact]
    public void Solution_OfTheRepository_HoldsEveryProject()
    {
        string solution = File.ReadAllText(Path.Combine(s_root, "MLPlatform.sln"));
        Assert.All(Files("*.csproj"), project => Assert.Contains(Path.GetFileName(project), solution, StringComparison.Ordinal));
    }

    [Fact]
    public void Architecture_FilesItNames_Exist()
    {
        string text = File.ReadAllText(Path.Combine(s_root, "docs", "ARCHITECTURE.md"));
        List<string> named = [.. NamedFile().Matches(text).Select(match => match.Groups[1].Value)];
        Assert.True(named.Count >= 6);
        Assert.All(named, file => Assert.True(File.Exists(Path.Combine(s_root, file)), $"docs/ARCHITECTURE.md names {file}, which does not exist"));
    }

    [Fact]
    public void Semantics_EachPromise_IsQuotedByATest()
    {
        string document = File.ReadAllText(Path.Combine(s_root, "docs", "SEMANTICS.md"));
        HashSet<string> promises = [.. Promise().Matches(document).Select(match => match.Groups[1].Value)];
        HashSet<string> quoted = [];
        foreach (string file in Files("*.cs").Where(file => file.Contains("/tests/", StringComparison.Ordinal)))
        {
            quoted.UnionWith(Quote().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value));
        }

        Assert.NotEmpty(promises);
        Assert.Empty(promises.Except(quoted));
        Assert.Empty(quoted.Except(promises));
    }

    [Fact]
    public void Sources_EmptyXmlTags_ThereAreNone() =>
        Assert.All(Files("*.cs"), file => Assert.DoesNotMatch(EmptyTag(), File.ReadAllText(file)));

    private static IEnumerable<string> Files(string pattern) =>
        Directory.EnumerateFiles(s_root, pattern, SearchOption.AllDirectories)
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal) && !file.Contains("/artifacts/", StringComparison.Ordinal));

    private static string FindRoot()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "MLPlatform.sln")))
        {
            directory = Path.GetDirectoryName(directory);
        }

        return directory ?? throw new InvalidOperationException("The tests do not lie in a clone of the repository.");
    }

    [GeneratedRegex(@"`((?:src|fuse|cacheworker|bench|tests)/[A-Za-z0-9_./]+\.cs)`")]
    private static partial Regex NamedFile();

    [GeneratedRegex(@"\*\*([SC]\d+)\*\*")]
    private static partial Regex Promise();

    [GeneratedRegex("\\[Promise\\(\"([SC]\\d+)\"\\)\\]")]
    private static partial Regex Quote();

    [GeneratedRegex(@"<(summary|param[^>]*|returns|remarks)>\s*</")]
    private static partial Regex EmptyTag();
}
