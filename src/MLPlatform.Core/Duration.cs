using System.Globalization;

namespace MLPlatform.Core;

/// <summary>Parses and prints times as the command line writes them: <c>500ms 10s 5m 24h 7d</c>; a bare number means seconds.</summary>
public static class Duration
{
    public static bool TryParse(ReadOnlySpan<char> text, out TimeSpan duration)
    {
        duration = default;
        text = text.Trim();
        double factor = 1;
        (string Suffix, double Seconds)[] units = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86400)];
        foreach ((string suffix, double seconds) in units)
        {
            if (text.EndsWith(suffix, StringComparison.Ordinal))
            {
                factor = seconds;
                text = text[..^suffix.Length];
                break;
            }
        }

        if (!double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number) || number * factor > TimeSpan.MaxValue.TotalSeconds / 2)
        {
            return false;
        }

        duration = TimeSpan.FromSeconds(number * factor);
        return true;
    }

    public static string Format(TimeSpan duration) => duration.TotalSeconds switch
    {
        < 1 => $"{duration.TotalMilliseconds:0}ms",
        < 120 => $"{duration.TotalSeconds:0.#}s",
        < 7200 => $"{duration.TotalMinutes:0.#}m",
        _ => $"{duration.TotalHours:0.#}h",
    };
}
