using System.Globalization;
using System.Text;
using MLPlatform.Core;

namespace MLPlatform.Tiers.Devices;

/// <summary>
/// What a cache directory holds: <c>format</c> (two lines: <c>mlp-cache 1</c> and the cache's UUID), <c>lock</c>, and a folder each for index, segments and large files.
/// A directory of another format is never read: its content is set aside under a name of its own.
/// </summary>
internal sealed record DeviceDirectory(string Path, Guid CacheId)
{
    private const string Format = "mlp-cache 1";

    private static readonly string[] s_ours = ["format", "index", "segments", "large", "datasets"];

    public string Index => System.IO.Path.Combine(Path, "index");

    public string Segments => System.IO.Path.Combine(Path, "segments");

    public string Large => System.IO.Path.Combine(Path, "large");

    /// <summary>Opens or makes it; the caller holds the lock.</summary>
    /// <param name="setAside">Where content of another format went, or null.</param>
    public static DeviceDirectory Open(string path, IDeviceFiles files, out string? setAside)
    {
        setAside = null;
        string formatFile = System.IO.Path.Combine(path, "format");
        try
        {
            if (File.Exists(formatFile))
            {
                string[] lines = File.ReadAllText(formatFile).Split('\n');
                if (lines.Length >= 2 && lines[0] == Format && Guid.TryParse(lines[1], out Guid known))
                {
                    return Make(path, known, files);
                }

                setAside = SetAside(path);
            }

            Guid id = Guid.NewGuid();
            DeviceDirectory directory = Make(path, id, files);

            // Last: without it nothing else is read.
            File.WriteAllText(formatFile + ".new", $"{Format}\n{id}\n", Encoding.ASCII);
            files.Rename(formatFile + ".new", formatFile);
            return directory;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CacheException(CacheError.DeviceFailed, $"The cache directory {path} cannot be used: {e.Message}", e);
        }
    }

    private static DeviceDirectory Make(string path, Guid id, IDeviceFiles files)
    {
        DeviceDirectory directory = new(path, id);
        files.CreateDirectory(directory.Index);
        files.CreateDirectory(directory.Segments);
        files.CreateDirectory(directory.Large);
        return directory;
    }

    private static string SetAside(string path)
    {
        string aside = System.IO.Path.Combine(path, "set-aside-" + DateTime.UtcNow.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture));
        Directory.CreateDirectory(aside);
        foreach (string name in s_ours)
        {
            string from = System.IO.Path.Combine(path, name);
            if (File.Exists(from) || Directory.Exists(from))
            {
                Directory.Move(from, System.IO.Path.Combine(aside, name));
            }
        }

        return aside;
    }
}
