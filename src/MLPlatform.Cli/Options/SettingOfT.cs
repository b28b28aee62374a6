using MLPlatform.Core;

namespace MLPlatform.Cli.Options;

/// <summary>A <see cref="Setting"/> that knows its type.</summary>
internal sealed class Setting<T> : Setting
{
    private readonly Func<IReadOnlyList<string>, T> _parse;
    private readonly T _default;

    public Setting(string name, string? valueName, string description, T defaultValue, Func<IReadOnlyList<string>, T> parse, bool isRepeatable = false)
        : base(name, valueName, description)
    {
        _parse = parse;
        _default = defaultValue;
        IsRepeatable = isRepeatable;
    }

    public override object? Default => _default;

    public override object? Parse(IReadOnlyList<string> texts) => _parse(texts);
}

/// <summary>Makes settings of the usual kinds.</summary>
internal static class SettingKinds
{
    private static readonly string[] s_true = ["true", "yes", "on", "1"];
    private static readonly string[] s_false = ["false", "no", "off", "0"];

    public static bool ParseFlag(string text) =>
        s_true.Contains(text, StringComparer.OrdinalIgnoreCase)
        || (s_false.Contains(text, StringComparer.OrdinalIgnoreCase) ? false : throw new FormatException("is neither true nor false"));

    public static long ParseSize(string text) =>
        ByteSize.TryParse(text, out long bytes) ? bytes : throw new FormatException("is no size; write it as 512MiB or 10G");

    public static TimeSpan ParseDuration(string text) =>
        Duration.TryParse(text, out TimeSpan duration) ? duration : throw new FormatException("is no time; write it as 500ms, 10s, 5m or 24h");

    public static int ParseCount(string text) =>
        int.TryParse(text, out int count) && count >= 0 ? count : throw new FormatException("is no number");

    public static uint ParseId(string text) =>
        uint.TryParse(text, out uint id) && id != uint.MaxValue ? id : throw new FormatException("is no numeric id");

    public static ushort ParseMode(string text)
    {
        try
        {
            int mode = Convert.ToInt32(text, 8);
            if (mode is >= 0 and <= 0x1FF)
            {
                return (ushort)mode;
            }
        }
        catch (Exception e) when (e is FormatException or OverflowException or ArgumentException)
        {
            // Falls to the one sentence below.
        }

        throw new FormatException("is no mode; write octal permission bits such as 0644");
    }

    public static T ParseWord<T>(string text, IReadOnlyList<(string Word, T Value)> words)
    {
        foreach ((string word, T value) in words)
        {
            if (word.Equals(text, StringComparison.OrdinalIgnoreCase))
            {
                return value;
            }
        }

        string? nearest = Framework.NearestWord.Find(text, words.Select(static w => w.Word));
        string choice = string.Join(", ", words.Select(static w => w.Word));
        throw new FormatException(nearest is null ? $"is none of {choice}" : $"is none of {choice}; did you mean {nearest}?");
    }
}
