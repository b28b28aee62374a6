using System.Globalization;
using System.Text;

namespace MLPlatform.Fuse;

/// <summary>Reads /proc/self/mountinfo. Never touches a mount itself: a dead server would make that hang or fail.</summary>
public static class MountTable
{
    private const string Path = "/proc/self/mountinfo";

    public static IReadOnlyList<MountEntry> Read() => Parse(File.ReadLines(Path));

    internal static List<MountEntry> Parse(IEnumerable<string> lines)
    {
        List<MountEntry> entries = [];
        foreach (string line in lines)
        {
            // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
            string[] halves = line.Split(" - ", 2);
            if (halves.Length != 2)
            {
                continue;
            }

            string[] left = halves[0].Split(' ');
            string[] right = halves[1].Split(' ');
            if (left.Length < 6 || right.Length < 3 || !int.TryParse(left[0], CultureInfo.InvariantCulture, out int id))
            {
                continue;
            }

            entries.Add(new MountEntry(id, left[2], Unescape(left[4]), right[0], Unescape(right[1]), left[5], right[2]));
        }

        return entries;
    }

    /// <summary>Space, tab, newline and backslash stand as three octal digits behind a backslash.</summary>
    private static string Unescape(string field)
    {
        if (!field.Contains('\\', StringComparison.Ordinal))
        {
            return field;
        }

        byte[] bytes = Encoding.UTF8.GetBytes(field);
        int length = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] == '\\' && i + 3 < bytes.Length)
            {
                bytes[length++] = (byte)(((bytes[i + 1] - '0') << 6) | ((bytes[i + 2] - '0') << 3) | (bytes[i + 3] - '0'));
                i += 3;
            }
            else
            {
                bytes[length++] = bytes[i];
            }
        }

        return Encoding.UTF8.GetString(bytes, 0, length);
    }
}
