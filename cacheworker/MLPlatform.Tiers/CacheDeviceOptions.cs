using MLPlatform.Core;

namespace MLPlatform.Tiers;

/// <summary>One directory of the disk tier, as the user declared it.</summary>
/// <param name="Directory">Absolute. Made when it does not exist.</param>
/// <param name="CapacityBytes">Most bytes on disk; null: this device's share of <see cref="CacheOptions.CapacityBytes"/>.</param>
/// <param name="Tier">What statistics call it.</param>
public sealed record CacheDeviceOptions(string Directory, long? CapacityBytes = null, string Tier = "disk")
{
    /// <summary>Reads <c>DIR[,size=N][,tier=NAME]</c>.</summary>
    /// <exception cref="FormatException">Says what is wrong, as the end of a sentence that begins with the option.</exception>
    public static CacheDeviceOptions Parse(string text)
    {
        string[] parts = text.Split(',');
        if (parts[0].Length == 0)
        {
            throw new FormatException("names no directory; write DIR[,size=100GiB][,tier=NAME]");
        }

        CacheDeviceOptions device = new(Path.GetFullPath(parts[0]));
        foreach (string part in parts.AsSpan(1))
        {
            (string name, string value) = part.IndexOf('=', StringComparison.Ordinal) is > 0 and int at ? (part[..at], part[(at + 1)..]) : (part, "");
            device = name switch
            {
                "size" when ByteSize.TryParse(value, out long bytes) && bytes > 0 => device with { CapacityBytes = bytes },
                "size" => throw new FormatException($"has the size '{value}'; write it as 100GiB"),
                "tier" when value.Length is > 0 and <= 32 && value.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_') => device with { Tier = value },
                "tier" => throw new FormatException($"has the tier '{value}'; a tier's name is letters, digits, '-' and '_', at most 32"),
                _ => throw new FormatException($"has the unknown word '{name}' behind the directory; known are size=N and tier=NAME"),
            };
        }

        return device;
    }
}
