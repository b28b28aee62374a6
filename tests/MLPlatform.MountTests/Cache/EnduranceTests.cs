using MLPlatform.Lab;
using MLPlatform.MountTests.Support;
using Xunit;
using Xunit.Abstractions;

namespace MLPlatform.MountTests.Cache;

/// <summary>The short forms of <c>bench/soak</c> and of the crash test; the long ones run by hand (bench/README.md).</summary>
[Trait("Bulk", "true")] // Minutes: once a run, on the published binary where there is one.
[Trait("Published", "true")]
public sealed class EnduranceTests(ITestOutputHelper output)
{
    private static readonly bool s_isFull = Environment.GetEnvironmentVariable("MLP_TEST_FULL") == "1";

    [SkippableFact]
    [Promise("S1")]
    public async Task Mount_UnderFaultsDamageAndKills_NeverGivesAWrongByteNorHangsNorGrows()
    {
        Requires.Fuse();
        await RunAsync(TimeSpan.FromMinutes(15), "soak", "--minutes", s_isFull ? "6" : "2");
    }

    [Fact]
    public async Task Cache_KilledAtRandomPoints_LosesNothingItHadCommitted() =>
        await RunAsync(TimeSpan.FromMinutes(20), "crash", "--rounds", s_isFull ? "300" : "30");

    private async Task RunAsync(TimeSpan deadline, params string[] arguments)
    {
        CommandResult result = await Bench.RunAsync(deadline, arguments);
        output.WriteLine(result.ToString());
        Assert.True(result.ExitCode == 0, result.ToString());
    }
}
