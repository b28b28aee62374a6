using System.Globalization;

namespace MLPlatform.Bench.Crash;

/// <summary>
/// What children said they had committed, in order: <c>S n</c>, a small file; <c>L n unit</c>, a unit of a large one. A line is written when the cache has
/// answered, so what is in here must be found again, unless it may have left to make room.
/// </summary>
internal sealed class CrashJournal
{
    private readonly List<(long Number, int Unit)> _entries = [];

    /// <summary>Oldest first; unit -1 is a small file.</summary>
    public IReadOnlyList<(long Number, int Unit)> Entries => _entries;

    public long Next { get; private set; }

    public static CrashJournal Read(string path)
    {
        CrashJournal journal = new();
        if (!File.Exists(path))
        {
            return journal;
        }

        string text = File.ReadAllText(path);

        // The last line may lack its end.
        foreach (string line in text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] words = line.Split(' ');
            long number = long.Parse(words[1], CultureInfo.InvariantCulture);
            if (words[0] != "T")
            {
                journal._entries.Add((number, words[0] == "S" ? -1 : int.Parse(words[2], CultureInfo.InvariantCulture)));
            }

            journal.Next = Math.Max(journal.Next, number + 1);
        }

        return journal;
    }

    /// <summary>Bytes of an entry.</summary>
    public static int LengthOf((long Number, int Unit) entry) => entry.Unit < 0 ? CrashFiles.SmallLength(entry.Number) : CrashFiles.UnitLength(entry.Unit);
}
