using System.Globalization;

namespace MLPlatform.Cli.Mounting;

/// <summary>Finds who keeps a mount busy, as fuser(1) does: processes of which we may look at the open files, directories and maps.</summary>
internal static class OpenFileHolders
{
    // A machine may have a hundred thousand open files, and this only decorates a message.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    /// <returns>Pid, command and what it holds, one line for each process.</returns>
    public static IReadOnlyList<(int Pid, string Name, string Holds)> Find(string directory)
    {
        long end = Environment.TickCount64 + (long)s_patience.TotalMilliseconds;
        List<(int, string, string)> holders = [];
        foreach (string process in Directory.EnumerateDirectories("/proc"))
        {
            if (Environment.TickCount64 > end)
            {
                break;
            }

            if (int.TryParse(Path.GetFileName(process), CultureInfo.InvariantCulture, out int pid) && Holds(process, directory) is { } what)
            {
                holders.Add((pid, ProcessIdentity.Name(pid), what));
            }
        }

        return holders;
    }

    private static string? Holds(string process, string directory)
    {
        foreach ((string link, string what) in (ReadOnlySpan<(string, string)>)[("cwd", "works in"), ("root", "has its root in"), ("exe", "runs")])
        {
            if (IsInside(Target($"{process}/{link}"), directory) is { } path)
            {
                return $"{what} {path}";
            }
        }

        try
        {
            foreach (string descriptor in Directory.EnumerateFileSystemEntries($"{process}/fd"))
            {
                if (IsInside(Target(descriptor), directory) is { } path)
                {
                    return $"has {path} open";
                }
            }

            foreach (string line in File.ReadLines($"{process}/maps"))
            {
                int slash = line.IndexOf('/', StringComparison.Ordinal);
                if (slash >= 0 && IsInside(line[slash..], directory) is { } path)
                {
                    return $"has {path} mapped";
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Gone, or not ours to look at.
        }

        return null;
    }

    private static string? IsInside(string? path, string directory) =>
        path is not null && (path == directory || path.StartsWith(directory + "/", StringComparison.Ordinal)) ? path : null;

    private static string? Target(string link)
    {
        try
        {
            return new FileInfo(link).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
