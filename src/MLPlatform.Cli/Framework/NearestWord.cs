namespace MLPlatform.Cli.Framework;

/// <summary>Guesses which word a user meant.</summary>
internal static class NearestWord
{
    /// <returns>The known word with the fewest typing mistakes between it and <paramref name="typed"/>, or null when none is near.</returns>
    public static string? Find(string typed, IEnumerable<string> known)
    {
        string? best = null;
        int bestDistance = int.MaxValue;
        foreach (string word in known)
        {
            // Half a word is a likely slip too: --anon for --anonymous.
            int distance = typed.Length >= 3 && word.StartsWith(typed, StringComparison.OrdinalIgnoreCase) ? 1 : Distance(typed, word);
            if (distance < bestDistance || (distance == bestDistance && string.CompareOrdinal(word, best) < 0))
            {
                best = word;
                bestDistance = distance;
            }
        }

        // One mistake in three letters is a typo; more is another word.
        return best is not null && bestDistance <= Math.Max(1, Math.Min(typed.Length, best.Length) / 3) ? best : null;
    }

    /// <summary>Insertions, deletions, replacements and swaps of neighbours (optimal string alignment), ignoring case.</summary>
    public static int Distance(string a, string b)
    {
        int[] beforePrevious = new int[b.Length + 1];
        int[] previous = new int[b.Length + 1];
        int[] current = new int[b.Length + 1];
        for (int j = 0; j <= b.Length; j++)
        {
            previous[j] = j;
        }

        for (int i = 1; i <= a.Length; i++)
        {
            current[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int cost = Same(a[i - 1], b[j - 1]) ? 0 : 1;
                int best = Math.Min(Math.Min(current[j - 1] + 1, previous[j] + 1), previous[j - 1] + cost);
                if (i > 1 && j > 1 && Same(a[i - 1], b[j - 2]) && Same(a[i - 2], b[j - 1]))
                {
                    best = Math.Min(best, beforePrevious[j - 2] + 1);
                }

                current[j] = best;
            }

            (beforePrevious, previous, current) = (previous, current, beforePrevious);
        }

        return previous[b.Length];
    }

    // A dash and an underscore are one slip between -o and long options.
    private static bool Same(char a, char b) => char.ToLowerInvariant(a == '_' ? '-' : a) == char.ToLowerInvariant(b == '_' ? '-' : b);
}
