using System.Globalization;
using MLPlatform.Cli.Mounting;
using MLPlatform.Core;

namespace MLPlatform.Cli.Doctor;

/// <summary>Whether descriptors, memory and disk suffice for a mount with the given budget.</summary>
internal static class ResourceChecks
{
    // Sockets, session threads and, with passthrough, a descriptor while a file is registered; far below it mounts work, far above nothing more is gained.
    private const long FewDescriptors = 1024;

    // What a mount needs beside its payload budget (docs/SEMANTICS.md).
    private const long OverheadBytes = 104L << 20;

    // A manifest of ten million files.
    private const long FewDiskBytes = 1L << 30;

    // Below this a cache holds less than most datasets' first shard.
    private const long FewCacheBytes = 10L << 30;

    /// <param name="cacheDirectories">Empty where nothing is to be cached.</param>
    public static IEnumerable<Finding> Run(string stateDirectory, long memoryBytes, IEnumerable<string> cacheDirectories)
    {
        yield return Descriptors(File.ReadAllLines("/proc/self/limits"));
        yield return Memory(CgroupLimit(), memoryBytes);
        yield return Writable("state", stateDirectory, "--state-dir", FewDiskBytes);
        foreach (string directory in cacheDirectories)
        {
            yield return Writable("cache", directory, "--cache-dir", FewCacheBytes);
        }

        yield return Writable("log", MachinePaths.LogDirectory, "--log-file", 0);
        yield return Writable("run", MachinePaths.RunDirectory, "XDG_RUNTIME_DIR", 0);
    }

    internal static Finding Descriptors(IEnumerable<string> limits)
    {
        // Max open files            1024                 1048576              files
        string[] fields = limits.First(static l => l.StartsWith("Max open files", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        long hard = fields[4] == "unlimited" ? long.MaxValue : long.Parse(fields[4], CultureInfo.InvariantCulture);
        return hard >= FewDescriptors
            ? Finding.Ok("open files", $"up to {(hard == long.MaxValue ? "any number of" : hard)} descriptors")
            : Finding.Warn("open files", $"only {hard} descriptors are allowed", $"raise the hard limit to {FewDescriptors} or more (ulimit -Hn, LimitNOFILE=)");
    }

    internal static Finding Memory(long? limit, long memoryBytes)
    {
        long needed = memoryBytes + OverheadBytes;
        return limit switch
        {
            null => Finding.Ok("memory", $"no cgroup limit; a mount takes up to {ByteSize.Format(needed)}"),
            long bytes when bytes < needed => Finding.Warn(
                "memory", $"the cgroup allows {ByteSize.Format(bytes)}, and a mount may take {ByteSize.Format(needed)}", $"set --memory {Math.Max(64, (bytes - OverheadBytes) >> 20)}MiB or less, or raise the limit"),
            long bytes => Finding.Ok("memory", $"the cgroup allows {ByteSize.Format(bytes)}; a mount takes up to {ByteSize.Format(needed)}"),
        };
    }

    /// <summary>The tightest limit on the way from our cgroup to the root; null for none.</summary>
    private static long? CgroupLimit()
    {
        try
        {
            // 0::/user.slice/… for version 2.
            string? path = File.ReadLines("/proc/self/cgroup").FirstOrDefault(static l => l.StartsWith("0::", StringComparison.Ordinal))?[3..];
            long? least = null;
            for (string? at = path; at is not null; at = at.Length <= 1 ? null : Path.GetDirectoryName(at))
            {
                string file = $"/sys/fs/cgroup{(at == "/" ? "" : at)}/memory.max";
                if (File.Exists(file) && long.TryParse(File.ReadAllText(file).Trim(), CultureInfo.InvariantCulture, out long limit))
                {
                    least = Math.Min(least ?? long.MaxValue, limit);
                }
            }

            const string VersionOne = "/sys/fs/cgroup/memory/memory.limit_in_bytes";
            return least is null && File.Exists(VersionOne) && long.TryParse(File.ReadAllText(VersionOne).Trim(), CultureInfo.InvariantCulture, out long old) && old < 1L << 60
                ? old
                : least;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // A hidden cgroup tree limits us none the less, but nobody can say by how much.
        }
    }

    private static Finding Writable(string what, string directory, string option, long wantedBytes)
    {
        string name = what + " directory";
        string existing = directory;
        while (!Directory.Exists(existing))
        {
            existing = Path.GetDirectoryName(existing) ?? "/";
        }

        if (NativeMethods.access(existing, NativeMethods.W_OK) < 0)
        {
            return Finding.Fail(name, $"{directory} cannot be written: {NativeMethods.Describe(NativeMethods.LastErrno)}", $"name another with {option}, or have it made for you");
        }

        long free = new DriveInfo(existing).AvailableFreeSpace;
        return free < wantedBytes
            ? Finding.Warn(name, $"{directory} has {ByteSize.Format(free)} free", $"free some, or name another with {option}; {ByteSize.Format(wantedBytes)} or more are of use")
            : Finding.Ok(name, $"{directory}, {ByteSize.Format(free)} free");
    }
}
