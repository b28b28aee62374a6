using System.Text;
using MLPlatform.Cli.Options;

namespace MLPlatform.Cli.Framework;

/// <summary>Writes help as a manual page reads: name, synopsis, description, options with defaults and variables, exit codes, examples, see also.</summary>
internal sealed class HelpWriter(CommandTree tree, Terminal terminal)
{
    private const int Indent = 4;
    private const int OptionIndent = 8;

    public string Overview()
    {
        StringBuilder text = new();
        Section(text, "NAME");
        Paragraph(text, Indent, "mlp - shows S3, HDFS and directories as fast read-only file systems");
        Section(text, "SYNOPSIS");
        Paragraph(text, Indent, "mlp VERB [OPTION…] [OPERAND…]");
        Section(text, "VERBS");
        List<(string Name, string Summary)> rows = [];
        HashSet<string> seen = [];
        foreach (Verb verb in tree.Verbs.Where(static v => !v.IsHidden))
        {
            string word = verb.Path.Split(' ')[0];
            if (seen.Add(word))
            {
                rows.Add(word == verb.Path ? (word, verb.Summary) : (word + " …", tree.Groups[word]));
            }
        }

        Table(text, rows);
        Section(text, "GENERAL OPTIONS");
        Options(text, OutputSettings.OfEveryVerb);
        Section(text, "SOURCES");
        Paragraph(text, Indent, "s3://bucket[/prefix], file:///path, a plain path, or the name of a dataset, with NAME@sha256:… (or the first digits of it) for a version.");
        ExitCodeSection(text, []);
        Section(text, "EXAMPLES");
        ExampleLines(text, new Example("Mount a public bucket, look at it, unmount it", "mlp mount --anonymous s3://bucket/prefix /mnt/data\nls /mnt/data\nmlp umount /mnt/data"));
        ExampleLines(text, new Example("See the whole story in a minute", "mlp demo"));
        Section(text, "SEE ALSO");
        Paragraph(text, Indent, "'mlp VERB --help' explains a verb; 'mlp config show' lists every option with its value.");
        return text.ToString();
    }

    public string ForGroup(string group)
    {
        StringBuilder text = new();
        Section(text, "NAME");
        Paragraph(text, Indent, $"mlp {group} - {tree.Groups[group]}");
        Section(text, "SYNOPSIS");
        Paragraph(text, Indent, $"mlp {group} VERB [OPTION…] [OPERAND…]");
        Section(text, "VERBS");
        Table(text, [.. tree.Verbs.Where(v => !v.IsHidden && v.Path.StartsWith(group + " ", StringComparison.Ordinal)).Select(static v => (v.Path.Split(' ')[1], v.Summary))]);
        Section(text, "SEE ALSO");
        Paragraph(text, Indent, $"'mlp {group} VERB --help' explains a verb.");
        return text.ToString();
    }

    public string ForVerb(Verb verb)
    {
        StringBuilder text = new();
        Section(text, "NAME");
        Paragraph(text, Indent, $"mlp {verb.Path} - {verb.Summary}");
        Section(text, "SYNOPSIS");
        Paragraph(text, Indent, string.Join(' ', new[] { "mlp", verb.Path, "[OPTION…]" }.Concat(verb.Operands.Select(static o => o.Usage))));
        Section(text, "DESCRIPTION");
        Paragraph(text, Indent, verb.Description);
        if (verb.Operands.Count > 0)
        {
            Section(text, "OPERANDS");
            foreach (Operand operand in verb.Operands)
            {
                text.Append(' ', Indent).AppendLine(Bold(operand.Name));
                Paragraph(text, OptionIndent, operand.Description);
            }
        }

        foreach (IGrouping<string, Setting> group in verb.Settings.Concat(OutputSettings.OfEveryVerb).Distinct().GroupBy(static s => s.Group))
        {
            Section(text, group.Key.ToUpperInvariant());
            Options(text, group);
        }

        ExitCodeSection(text, verb.ExitNotes);
        Section(text, "EXAMPLES");
        foreach (Example example in verb.Examples)
        {
            ExampleLines(text, example);
        }

        if (verb.SeeAlso.Count > 0)
        {
            Section(text, "SEE ALSO");
            Paragraph(text, Indent, string.Join(", ", verb.SeeAlso.Select(static v => v.StartsWith("mlp ", StringComparison.Ordinal) || v.Contains('(', StringComparison.Ordinal) || v.Contains('/', StringComparison.Ordinal) ? v : "mlp " + v)));
        }

        return text.ToString();
    }

    private void Options(StringBuilder text, IEnumerable<Setting> settings)
    {
        foreach (Setting setting in settings)
        {
            string label = setting.Short is { } letter ? $"-{letter}, {setting.Option}" : setting.Option;
            string words = setting.Words.Count > 0 ? string.Join('|', setting.Words) : setting.ValueName ?? "";
            text.Append(' ', Indent).Append(Bold(label));
            if (!setting.IsFlag)
            {
                text.Append(' ').Append(words);
            }

            text.AppendLine();
            StringBuilder description = new(setting.Description);
            if (setting.IsRepeatable)
            {
                description.Append(" May be given several times.");
            }

            if (setting.DefaultText.Length > 0)
            {
                description.Append($" Default: {setting.DefaultText}.");
            }

            if (!setting.IsPerCall && setting.Environment.Count > 0)
            {
                description.Append($" [{string.Join(", ", setting.Environment)}]");
            }

            Paragraph(text, OptionIndent, description.ToString());
        }
    }

    private void ExitCodeSection(StringBuilder text, IReadOnlyList<(int Code, string Meaning)> notes)
    {
        Section(text, "EXIT CODES");
        IEnumerable<(int Code, string Meaning)> rows =
        [
            (ExitCodes.Done, "done"),
            (ExitCodes.Failed, "failed; one sentence on stderr says what, which thing, and what to do"),
            (ExitCodes.WrongUsage, "wrong usage, with the nearest right word"),
            (ExitCodes.Interrupted, "interrupted; state is kept, and the command to go on is printed"),
        ];
        Table(text, [.. rows.Where(r => notes.All(n => n.Code != r.Code)).Concat(notes).OrderBy(static r => r.Code).Select(static r => (r.Code.ToString(), r.Meaning))]);
    }

    private void ExampleLines(StringBuilder text, Example example)
    {
        Paragraph(text, Indent, example.Text + ":");
        foreach (string line in example.Command.Split('\n'))
        {
            text.Append(' ', OptionIndent).AppendLine(line);
        }

        text.AppendLine();
    }

    private void Table(StringBuilder text, IReadOnlyList<(string Name, string Meaning)> rows)
    {
        int width = rows.Max(static r => r.Name.Length) + 2;
        foreach ((string name, string meaning) in rows)
        {
            text.Append(' ', Indent).Append(Bold(name)).Append(' ', width - name.Length);
            AppendWrapped(text, Indent + width, Indent + width, meaning);
        }
    }

    private void Section(StringBuilder text, string heading)
    {
        // Every block of an example already ends with an empty line.
        if (text.Length > 0 && !text.ToString(text.Length - 2, 2).Equals("\n\n", StringComparison.Ordinal))
        {
            text.AppendLine();
        }

        text.AppendLine(Bold(heading));
    }

    private void Paragraph(StringBuilder text, int indent, string words)
    {
        bool first = true;
        foreach (string paragraph in words.ReplaceLineEndings("\n").Split("\n\n"))
        {
            if (!first)
            {
                text.AppendLine();
            }

            first = false;
            text.Append(' ', indent);
            AppendWrapped(text, indent, indent, paragraph);
        }
    }

    private void AppendWrapped(StringBuilder text, int column, int indent, string paragraph)
    {
        bool empty = true;
        foreach (string word in paragraph.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries))
        {
            if (!empty && column + 1 + word.Length > terminal.Width)
            {
                text.AppendLine().Append(' ', indent);
                column = indent;
                empty = true;
            }

            if (!empty)
            {
                text.Append(' ');
                column++;
            }

            text.Append(word);
            column += word.Length;
            empty = false;
        }

        text.AppendLine();
    }

    private string Bold(string text) => terminal.Paint("1", text);
}
