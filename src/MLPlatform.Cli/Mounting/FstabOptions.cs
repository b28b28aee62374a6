using System.Text;
using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Options;
using MLPlatform.Core;

namespace MLPlatform.Cli.Mounting;

/// <summary>
/// Reads the comma-separated options of fstab(5) and mount(8). Words that name one of our settings (dashes as underscores) become
/// it; words for mount(8), systemd and libfuse that change nothing for us are taken in silence; anything else is an error.
/// </summary>
internal static class FstabOptions
{
    // What mount(8), systemd and the kernel's generic layer know and what holds anyway or is not for us: the mount is always
    // read-only, nosuid and nodev, and never writes access times.
    private static readonly HashSet<string> s_ignored =
    [
        "defaults", "ro", "rw", "auto", "noauto", "nofail", "_netdev", "user", "users", "nouser", "owner", "group", "nosuid", "nodev", "exec",
        "noatime", "relatime", "norelatime", "atime", "strictatime", "nostrictatime", "lazytime", "nolazytime", "diratime", "nodiratime",
        "sync", "async", "dirsync", "iversion", "noiversion", "silent", "loud", "default_permissions", "comment", "fsname", "subtype",
    ];

    // Words that would change something if they worked.
    private static readonly Dictionary<string, string> s_refused = new()
    {
        ["remount"] = "a mount cannot change its options; run 'mlp umount' and mount it again",
        ["bind"] = "use mount --bind on the mounted directory",
        ["rbind"] = "use mount --rbind on the mounted directory",
        ["suid"] = "datasets are always mounted nosuid",
        ["dev"] = "datasets are always mounted nodev",
        ["allow_root"] = "use allow_other",
    };

    /// <param name="lists">What stood behind each <c>-o</c>.</param>
    /// <param name="known">Settings that may appear.</param>
    /// <param name="isSloppy">mount(8)'s <c>-s</c>: unknown words are no error.</param>
    /// <returns>Values by setting, to be read as if they stood on the command line.</returns>
    /// <exception cref="CacheException"><c>Configuration</c>, naming the nearest right word.</exception>
    public static IReadOnlyDictionary<Setting, IReadOnlyList<string>> Parse(IEnumerable<string> lists, IEnumerable<Setting> known, bool isSloppy)
    {
        Dictionary<string, Setting> names = known.ToDictionary(static s => s.Name.Replace('-', '_'));
        Dictionary<Setting, IReadOnlyList<string>> values = [];
        foreach (string word in lists.SelectMany(Split))
        {
            string[] parts = word.Split('=', 2);
            string name = parts[0].Replace('-', '_');
            if (names.TryGetValue(name, out Setting? setting))
            {
                if (parts.Length == 1 && !setting.IsFlag)
                {
                    throw new CacheException(CacheError.Configuration, $"-o {parts[0]} needs a value: {name}={setting.ValueName}.");
                }

                string value = parts.Length == 1 ? "true" : parts[1];
                values[setting] = setting.IsRepeatable && values.TryGetValue(setting, out IReadOnlyList<string>? before) ? [.. before, value] : [value];
            }
            else if (s_refused.TryGetValue(name, out string? reason))
            {
                throw new CacheException(CacheError.Configuration, $"-o {parts[0]} is not possible: {reason}.");
            }
            else if (!s_ignored.Contains(name) && !parts[0].StartsWith("x-", StringComparison.OrdinalIgnoreCase) && !isSloppy)
            {
                string? nearest = NearestWord.Find(parts[0], names.Keys.Concat(s_ignored));
                throw new CacheException(
                    CacheError.Configuration,
                    nearest is null ? $"unknown mount option '{parts[0]}'; 'mlp mount --help' lists those that exist." : $"unknown mount option '{parts[0]}'; did you mean {nearest}?");
            }
        }

        return values;
    }

    /// <summary>Cuts at commas, but not at those that stand in double quotes or behind a backslash.</summary>
    internal static IEnumerable<string> Split(string list)
    {
        StringBuilder word = new();
        bool isQuoted = false;
        for (int i = 0; i < list.Length; i++)
        {
            char c = list[i];
            if (c == '\\' && i + 1 < list.Length && list[i + 1] is (',' or '\\'))
            {
                word.Append(list[++i]);
            }
            else if (c == '"')
            {
                isQuoted = !isQuoted;
            }
            else if (c == ',' && !isQuoted)
            {
                if (word.Length > 0)
                {
                    yield return word.ToString();
                }

                word.Clear();
            }
            else
            {
                word.Append(c);
            }
        }

        if (word.Length > 0)
        {
            yield return word.ToString();
        }
    }
}
