using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>What a dataset may be called. Pure functions.</summary>
public static class DatasetName
{
    /// <summary>The length of a DNS label, so that a dataset keeps its name in Kubernetes.</summary>
    public const int MaxLength = 63;

    public static bool IsValid(ReadOnlySpan<char> name)
    {
        if (name.Length is 0 or > MaxLength || !char.IsAsciiLetterLower(name[0]) && !char.IsAsciiDigit(name[0]))
        {
            return false;
        }

        foreach (char c in name)
        {
            if (!char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c is not ('-' or '.' or '_'))
            {
                return false;
            }
        }

        return true;
    }

    /// <exception cref="CacheException"><c>Configuration</c>.</exception>
    public static void Check(string name)
    {
        if (IsValid(name))
        {
            return;
        }

        string lower = name.ToLowerInvariant();
        string hint = IsValid(lower) ? $"; '{lower}' would do" : "";
        throw new CacheException(CacheError.Configuration, $"'{name}' cannot be a dataset's name: use up to {MaxLength} lower-case letters, digits, '-', '_' and '.', beginning with a letter or a digit{hint}.");
    }

    /// <returns>The known name that was probably meant, or null.</returns>
    public static string? Nearest(string typed, IEnumerable<string> known)
    {
        string? best = null;
        int bestDistance = Math.Max(1, typed.Length / 3) + 1;
        foreach (string name in known)
        {
            int distance = typed.Length >= 3 && name.StartsWith(typed, StringComparison.Ordinal) ? 1 : Distance(typed, name);
            if (distance < bestDistance)
            {
                best = name;
                bestDistance = distance;
            }
        }

        return best;
    }

    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int above = row[j];
                row[j] = Math.Min(Math.Min(above, row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }

        return row[^1];
    }
}
