using MLPlatform.Cli.Mounting;
using Xunit;

namespace MLPlatform.Tests.Cli;

public sealed class RunRegistryTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("mlp-run-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData("/mnt/data", "mnt-data")]
    [InlineData("/mnt/my_data.1", "mnt-my_data.1")]
    public void NameFor_PlainPath_IsReadable(string directory, string name) => Assert.Equal(name, RunRegistry.NameFor(directory));

    [Fact]
    public void NameFor_PathsThatLookAlike_GetDifferentNames()
    {
        string[] names = [.. new[] { "/mnt/a/b", "/mnt/a-b", "/mnt-a/b", "/mnt/a b", "/mnt/a?b", "/", "/mnt/" + new string('x', 200), "/mnt/" + new string('x', 201) }.Select(RunRegistry.NameFor)];
        Assert.Equal(names.Length, names.Distinct().Count());
        Assert.All(names, static n => Assert.Matches("^[A-Za-z0-9._-]{1,100}$", n));
    }

    [Fact]
    public void Find_DeadAndLive_PrefersTheLive()
    {
        RunRegistry registry = new(_root);
        long ticks = ProcessIdentity.StartTicks(Environment.ProcessId)!.Value;
        registry.Write(Record("dead", ticks + 1) with { Started = DateTimeOffset.UnixEpoch.AddDays(2) });
        registry.Write(Record("live", ticks));
        Assert.Equal("live", registry.Find("/mnt/x")?.Id);
        Assert.Null(registry.Find("/mnt/y"));
    }

    [Fact]
    public void ClearDead_ServersThatAreNoMore_LeaveNothing()
    {
        RunRegistry registry = new(_root);
        (string id, string control) = registry.Reserve("/mnt/x");
        Assert.True(Directory.Exists(control));
        long ticks = ProcessIdentity.StartTicks(Environment.ProcessId)!.Value;
        registry.Write(Record(id, ticks));
        registry.Write(Record("dead", ticks + 1));
        registry.Write(Record("elsewhere", ticks + 1) with { PidNamespace = "pid:[1]" });
        Directory.CreateDirectory(Path.Combine(_root, "mnt-x-999999999")); // Reserved by one that died before it wrote.
        File.WriteAllText(Path.Combine(_root, "broken.json"), "{");

        registry.ClearDead();
        Assert.Equal(["elsewhere", id], registry.ReadAll().Select(static r => r.Id).Order(StringComparer.Ordinal));
        Assert.Equal([control], Directory.GetDirectories(_root));

        registry.Remove(id);
        Assert.False(Directory.Exists(control));
    }

    private static RunRecord Record(string id, long ticks) => new()
    {
        Id = id,
        Pid = Environment.ProcessId,
        PidStartTicks = ticks,
        PidNamespace = ProcessIdentity.Namespace,
        Directory = "/mnt/x",
        Source = "file:///x",
        Control = "/run/x",
        Started = DateTimeOffset.UnixEpoch,
    };
}
