using System.Globalization;
using MLPlatform.Cli.Mounting;
using MLPlatform.Core;

namespace MLPlatform.Cli.Inspection;

/// <summary>What <c>mlp info</c> finds about one path: keys and values in the order they are shown.</summary>
internal static class PathInfo
{
    /// <exception cref="CacheException">Not in a mount of ours, or the server does not answer.</exception>
    /// <exception cref="IOException">The path does not exist, with the system's reason.</exception>
    public static async Task<IReadOnlyList<(string Key, string Value)>> ReadAsync(string path, CancellationToken cancellationToken)
    {
        MountedDirectory mount = MountedDirectory.Of(path);
        string canonical = MountPoints.Canonical(path);
        List<(string, string)> rows = [("path", canonical)];

        // Asked first: it has a deadline, so nothing below meets a server that hangs.
        Dictionary<string, string> version = Lines(await mount.ReadControlAsync("version", cancellationToken));
        FileAttributes attributes = File.GetAttributes(canonical);
        bool isDirectory = attributes.HasFlag(FileAttributes.Directory);
        FileSystemInfo info = isDirectory ? new DirectoryInfo(canonical) : new FileInfo(canonical);
        rows.Add(("type", info.LinkTarget is { } target ? $"link to {target}" : isDirectory ? "directory" : "file"));
        if (info is FileInfo file)
        {
            rows.Add(("bytes", file.Length.ToString(CultureInfo.InvariantCulture)));
        }

        rows.Add(("modified", info.LastWriteTimeUtc.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture)));
        rows.Add(("mode", Convert.ToString((int)info.UnixFileMode, 8).PadLeft(4, '0')));
        HashSet<string> seen = [];
        foreach ((string name, string value) in ExtendedAttributes.Read(canonical))
        {
            seen.Add(name);
            rows.Add((name, value));
        }

        if (!isDirectory)
        {
            string relative = Path.GetRelativePath(mount.Directory, canonical);
            foreach ((string key, string value) in Lines(await mount.ReadControlAsync($"where/{relative}", cancellationToken)).Where(l => l.Key is not ("path" or "bytes") && seen.Add(l.Key)))
            {
                rows.Add((key, value));
            }
        }

        foreach ((string key, string value) in version.Where(l => seen.Add(l.Key)))
        {
            rows.Add((key, value));
        }

        rows.Add(("mount", mount.Directory));
        rows.Add(("source", mount.Source));
        if (canonical == mount.Directory)
        {
            await AddMountAsync(rows, mount, cancellationToken);
        }

        return rows;
    }

    private static async Task AddMountAsync(List<(string, string)> rows, MountedDirectory mount, CancellationToken cancellationToken)
    {
        StatsSnapshot stats = StatsSnapshot.Parse(await mount.ReadControlAsync("stats", cancellationToken));
        rows.Add(("files", stats["dataset.files"].ToString("0", CultureInfo.InvariantCulture)));
        rows.Add(("dataset_bytes", stats["dataset.bytes"].ToString("0", CultureInfo.InvariantCulture)));
        rows.Add(("uptime", Duration.Format(TimeSpan.FromSeconds(Math.Floor(stats["uptime_s"])))));
        if (RunRegistry.OfThisUser().Find(mount.Directory) is { } record)
        {
            rows.Add(("pid", record.Pid.ToString(CultureInfo.InvariantCulture)));
            rows.Add(("log", record.Log ?? "stderr"));
            rows.Add(("control", record.Control));
        }
    }

    /// <summary>Lines of the form <c>key: value</c>.</summary>
    private static Dictionary<string, string> Lines(string text)
    {
        Dictionary<string, string> lines = [];
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            int colon = line.IndexOf(": ", StringComparison.Ordinal);
            if (colon > 0)
            {
                lines[line[..colon]] = line[(colon + 2)..];
            }
        }

        return lines;
    }
}
