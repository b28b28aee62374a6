using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace MLPlatform.Bench;

/// <summary>Fails when a warm LOOKUP, GETATTR or READ allocates. Bytes allocated repeat where times do not, so this is what CI gates.</summary>
internal static class AllocationGate
{
    public static int Run(string[] args)
    {
        ManualConfig config = ManualConfig.CreateEmpty()
            .AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithWarmupCount(1).WithIterationCount(3).WithInvocationCount(20_000).WithUnrollFactor(1))
            .AddLogger(args.Contains("--verbose") ? ConsoleLogger.Default : NullLogger.Instance)
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .WithOptions(ConfigOptions.DisableLogFile);
        Summary summary = BenchmarkRunner.Run<WarmPathBenchmark>(config);
        int failures = summary.Reports.Length == 3 ? 0 : 1;
        foreach (BenchmarkReport report in summary.Reports)
        {
            long? bytes = report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase);
            bool good = report.Success && bytes == 0;
            Console.WriteLine($"{report.BenchmarkCase.Descriptor.WorkloadMethod.Name}: {bytes?.ToString() ?? "?"} B per operation{(good ? "" : "  <- must be 0")}");
            failures += good ? 0 : 1;
        }

        return failures == 0 ? 0 : 1;
    }
}
