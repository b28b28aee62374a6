using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Core;
using MLPlatform.Tiers;

namespace MLPlatform.Bench.Crash;

/// <summary>
/// The process that is killed: opens the cache, checks what all children before it have committed, then fills, reads and evicts until it is
/// killed. Says <c>open</c> when it has opened, <c>checked</c> when all is well so far, and ends with 3 when something is not.
/// </summary>
internal static class CrashChild
{
    // Twice a second where the product does it twice a minute.
    private const int TimeFactor = 60;

    public static async Task<int> RunAsync(string[] args)
    {
        BenchOptions options = new(args);
        string directory = options.Text("dir", "");
        string journalPath = directory + ".journal";
        ulong seed = (ulong)options.Number("seed", 1);
        EvictionKind eviction = options.Text("eviction", "uniform") == "lru" ? EvictionKind.Lru : EvictionKind.Uniform;
        long capacity = options.Size("capacity", "96MiB");
        using CrashFiles files = new(seed);
        await using DiskTier tier = DiskTier.Open(
            new CacheOptions { Devices = [new CacheDeviceOptions(directory)], CapacityBytes = capacity, MinFreeBytes = 0, Eviction = eviction },
            new MemoryBudget(256L << 20),
            NullLoggerFactory.Instance,
            new FastTime(TimeFactor));
        Say("open");
        await tier.Opened;
        if (!tier.IsOpen)
        {
            Say($"FAILED: {string.Join(' ', tier.Counters.Problems)}");
            return 3;
        }

        CrashJournal journal = CrashJournal.Read(journalPath);
        if (Check(tier, files, journal, eviction, capacity) is { } problem)
        {
            Say($"FAILED: {problem}");
            return 3;
        }

        Say($"checked {journal.Entries.Count}");
        await FillAsync(tier, files, journalPath, journal.Next, new Random(options.Number("round", 0)));
        return 0;
    }

    /// <returns>What is wrong, or null.</returns>
    private static unsafe string? Check(DiskTier tier, CrashFiles files, CrashJournal journal, EvictionKind eviction, long capacity)
    {
        int scratchBytes = (CacheUnits.SmallFileBytes * 2) + (64 << 10);
        byte* scratch = (byte*)NativeMemory.AlignedAlloc((nuint)scratchBytes, 4096);
        try
        {
            // Under uniform nothing leaves. Under lru the newest third stays: what left was read or written before it. Oldest first, since a read makes new.
            long mustBytes = eviction == EvictionKind.Uniform ? long.MaxValue : capacity / 3;
            long newer = journal.Entries.Sum(static entry => (long)CrashJournal.LengthOf(entry));
            for (int i = 0; i < journal.Entries.Count; i++)
            {
                (long number, int unit) = journal.Entries[i];
                bool found = unit < 0 ? FindSmall(tier, files, number, scratch, scratchBytes, out string? wrong) : FindUnit(tier, files, number, unit, scratch, scratchBytes, out wrong);
                if (wrong is not null)
                {
                    return wrong;
                }

                if (!found && newer < mustBytes)
                {
                    return $"LOST: entry {i} of {journal.Entries.Count}, {(unit < 0 ? "small file" : $"unit {unit} of large file")} {number}, {newer} bytes before the end of the journal";
                }

                newer -= CrashJournal.LengthOf((number, unit));
            }

            // What a child began and did not say: there or not, but never something else.
            for (long number = Math.Max(0, journal.Next - 64); number < journal.Next; number++)
            {
                FindSmall(tier, files, number, scratch, scratchBytes, out string? wrong);
                if (wrong is not null)
                {
                    return wrong;
                }
            }

            return tier.Counters.ChecksumFailures == 0 ? null : $"TORN: {tier.Counters.ChecksumFailures} committed units have wrong checksums";
        }
        finally
        {
            NativeMemory.AlignedFree(scratch);
        }
    }

    private static unsafe bool FindSmall(DiskTier tier, CrashFiles files, long number, byte* scratch, int scratchBytes, out string? wrong)
    {
        wrong = null;
        int length = CrashFiles.SmallLength(number);
        if (!tier.TryFindSmall(CrashFiles.SmallKey(number), out ulong place))
        {
            return false;
        }

        ReadOutcome outcome = tier.ReadSmall(place, length, 0, length, (nint)scratch, scratchBytes, mayWait: true, out int start, out int got);
        if (outcome == ReadOutcome.Hit && !files.IsSmall(number, new ReadOnlySpan<byte>(scratch + start, got)))
        {
            wrong = $"WRONG BYTE: small file {number}, {got} of {length} bytes";
        }
        else if (outcome == ReadOutcome.Corrupt)
        {
            wrong = $"TORN: small file {number} is in the index and its checksum is wrong";
        }

        return outcome == ReadOutcome.Hit;
    }

    private static unsafe bool FindUnit(DiskTier tier, CrashFiles files, long number, int unit, byte* scratch, int scratchBytes, out string? wrong)
    {
        wrong = null;
        if (tier.FindLarge(CrashFiles.LargeKey(number)) is not { } file || !tier.FindRun(file, unit, unit + 1, out _))
        {
            return false;
        }

        int length = CrashFiles.UnitLength(unit);
        ReadOutcome outcome = tier.ReadLarge(file, (long)unit * CacheUnits.UnitBytes, length, (nint)scratch, scratchBytes, mayWait: true, out int start, out int got);
        if (outcome == ReadOutcome.Hit && !files.IsUnit(number, unit, new ReadOnlySpan<byte>(scratch + start, got)))
        {
            wrong = $"WRONG BYTE: unit {unit} of large file {number}";
        }
        else if (outcome == ReadOutcome.Corrupt)
        {
            wrong = $"TORN: unit {unit} of large file {number} is marked present and its checksum is wrong";
        }

        return outcome == ReadOutcome.Hit;
    }

    /// <summary>Until the end comes from outside.</summary>
    private static async Task FillAsync(DiskTier tier, CrashFiles files, string journalPath, long next, Random random)
    {
        uint dataset = tier.Use("crash", null);
        using FileStream journal = new(journalPath, FileMode.Append, FileAccess.Write, FileShare.Read, 0);
        for (long number = next; ; number++)
        {
            if (random.Next(12) > 0)
            {
                Write(journal, $"T {number}");
                (NativeSegment[] payload, uint[] checksums) = files.Small(number);
                if (await tier.AddSmallAsync(CrashFiles.SmallKey(number), dataset, payload, checksums) != 0)
                {
                    Write(journal, $"S {number}");
                }
            }
            else
            {
                Write(journal, $"T {number}");
                for (int unit = 0; unit < CrashFiles.LargeUnits;)
                {
                    int units = Math.Min(CrashFiles.LargeUnits - unit, 1 + random.Next(16));
                    if (random.Next(4) > 0)
                    {
                        (NativeSegment[] payload, uint[] checksums) = files.Large(number, unit, units);
                        if (await tier.AddLargeAsync(CrashFiles.LargeKey(number), CrashFiles.LargeBytes, dataset, unit, payload, checksums))
                        {
                            for (int i = unit; i < unit + units; i++)
                            {
                                Write(journal, $"L {number} {i}");
                            }
                        }
                    }

                    unit += units;
                }
            }
        }
    }

    // One write(2) a line: what the kernel has, the kill cannot take.
    private static void Write(FileStream journal, string line) => journal.Write(Encoding.ASCII.GetBytes(line + "\n"));

    private static void Say(string line)
    {
        Console.WriteLine(line);
        Console.Out.Flush();
    }
}
