using MLPlatform.Cli.Options;

namespace MLPlatform.Cli.Framework;

/// <summary>Finds what may come next on half a command line. The shells' scripts only ask it, so all shells offer the same.</summary>
internal sealed class Completer(CommandTree tree, Func<CompletionKind, string, IEnumerable<string>> lookUp)
{
    /// <summary>Words to offer and what a shell should add of its own: <c>files</c>, <c>dirs</c> or nothing.</summary>
    public sealed record Answer(IReadOnlyList<(string Word, string Description)> Words, string Files);

    private static readonly Answer s_nothing = new([], "");

    /// <param name="words">Everything before the cursor's word, without the program's name.</param>
    /// <param name="current">The word at the cursor so far; may be empty.</param>
    public Answer Complete(IReadOnlyList<string> words, string current)
    {
        (Verb? verb, string? group, List<string> operands, Setting? pending) = Walk(words);
        if (pending is not null)
        {
            return Values(pending, current, "");
        }

        IEnumerable<Setting> settings = verb is null ? OutputSettings.OfEveryVerb : verb.Settings.Concat(OutputSettings.OfEveryVerb);
        int equals = current.IndexOf('=', StringComparison.Ordinal);
        if (current.StartsWith("--", StringComparison.Ordinal) && equals > 0)
        {
            Setting? setting = settings.FirstOrDefault(s => s.Option == current[..equals]);
            return setting is null ? s_nothing : Values(setting, current[(equals + 1)..], current[..(equals + 1)]);
        }

        if (current.StartsWith('-'))
        {
            return Filter(settings.Select(static s => (s.Option, s.Description)), current, "");
        }

        if (verb is null)
        {
            return Filter(NextWords(group), current, "");
        }

        if (verb.Operands.Count == 0)
        {
            return s_nothing;
        }

        Operand operand = verb.Operands[Math.Min(operands.Count, verb.Operands.Count - 1)];
        return operands.Count >= verb.Operands.Count && !operand.IsRepeatable
            ? s_nothing
            : OfKind(operand.Completion, operand.Words, current, "");
    }

    private (Verb? Verb, string? Group, List<string> Operands, Setting? Pending) Walk(IReadOnlyList<string> words)
    {
        Verb? verb = null;
        string? group = null;
        List<string> operands = [];
        Setting? pending = null;
        foreach (string word in words)
        {
            if (pending is not null)
            {
                pending = null;
                continue;
            }

            if (word.StartsWith('-') && word.Length > 1)
            {
                IEnumerable<Setting> settings = verb is null ? OutputSettings.OfEveryVerb : CommandTree.SettingsOf(verb);
                Setting? setting = settings.FirstOrDefault(s => s.Option == word || "-" + s.Short == word);
                pending = setting is { IsFlag: false } ? setting : null;
                continue;
            }

            if (verb is null)
            {
                string path = group is null ? word : $"{group} {word}";
                verb = tree.Verbs.FirstOrDefault(v => v.Path == path);
                if (verb is null && group is null && tree.Groups.ContainsKey(word))
                {
                    group = word;
                }

                continue;
            }

            operands.Add(word);
        }

        return (verb, group, operands, pending);
    }

    private IEnumerable<(string Word, string Description)> NextWords(string? group)
    {
        HashSet<string> seen = [];
        foreach (Verb verb in tree.Verbs.Where(static v => !v.IsHidden))
        {
            string[] parts = verb.Path.Split(' ');
            if (group is null && seen.Add(parts[0]))
            {
                yield return (parts[0], parts.Length == 1 ? verb.Summary : tree.Groups[parts[0]]);
            }
            else if (group is not null && parts.Length == 2 && parts[0] == group)
            {
                yield return (parts[1], verb.Summary);
            }
        }
    }

    private Answer Values(Setting setting, string current, string prefix)
    {
        if (ReferenceEquals(setting, MountSettings.FstabOptions))
        {
            // Only the last of 'ro,uid=0,fi' is being written.
            int comma = current.LastIndexOf(',') + 1;
            string[] pair = current[comma..].Split('=', 2);
            if (pair.Length == 2)
            {
                Setting? named = MountSettings.All.FirstOrDefault(s => s.Name.Replace('-', '_') == pair[0]);
                return named is null ? s_nothing : OfKind(named.Completion, named.Words, pair[1], $"{prefix}{current[..comma]}{pair[0]}=");
            }

            return Filter(
                MountSettings.All.Where(static s => !ReferenceEquals(s, MountSettings.FstabOptions) && !ReferenceEquals(s, MountSettings.Foreground))
                    .Select(static s => (s.Name.Replace('-', '_') + (s.IsFlag ? "" : "="), s.Description)),
                current[comma..],
                prefix + current[..comma]);
        }

        return OfKind(setting.Completion, setting.IsFlag ? ["true", "false"] : setting.Words, current, prefix);
    }

    private Answer OfKind(CompletionKind kind, IReadOnlyList<string> words, string current, string prefix)
    {
        if (words.Count > 0)
        {
            return Filter(words.Select(static w => (w, "")), current, prefix);
        }

        string files = kind switch
        {
            CompletionKind.File => "files",
            CompletionKind.Directory or CompletionKind.Source => "dirs",
            _ => "",
        };
        IEnumerable<string> found = kind is CompletionKind.Dataset or CompletionKind.Source or CompletionKind.MountPoint ? lookUp(kind, current) : [];
        return Filter(found.Select(static w => (w, "")), current, prefix) with { Files = files };
    }

    private static Answer Filter(IEnumerable<(string Word, string Description)> words, string current, string prefix) =>
        new([.. words.Where(w => w.Word.StartsWith(current, StringComparison.Ordinal)).Select(w => (prefix + w.Word, w.Description))], "");
}
