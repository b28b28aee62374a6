using System.CommandLine;
using System.CommandLine.Parsing;
using MLPlatform.Cli.Options;
using MLPlatform.Core;

namespace MLPlatform.Cli.Framework;

/// <summary>
/// Finds the verb, options and operands in an argument list. System.CommandLine takes the words apart; what is wrong with them is
/// said here, because only we know the nearest right word and which verb an option belongs to.
/// </summary>
internal sealed class CommandTree
{
    private readonly Command _root = new("mlp");
    private readonly Dictionary<Command, Verb> _verbs = [];
    private readonly Dictionary<Option, Setting> _settings = [];
    private readonly Dictionary<string, string> _groups;
    private readonly IReadOnlyList<Verb> _all;

    /// <param name="groups">Name and one line for each word that only leads to other verbs.</param>
    public CommandTree(IReadOnlyList<Verb> verbs, IReadOnlyDictionary<string, string> groups)
    {
        _all = verbs;
        _groups = new Dictionary<string, string>(groups);
        foreach (Setting setting in OutputSettings.OfEveryVerb)
        {
            Option option = ToOption(setting);
            option.Recursive = true;
            _root.Options.Add(option);
        }

        Dictionary<string, Command> groupCommands = [];
        foreach (Verb verb in verbs)
        {
            string[] words = verb.Path.Split(' ');
            Command parent = _root;
            if (words.Length == 2 && !groupCommands.TryGetValue(words[0], out parent!))
            {
                parent = new Command(words[0]) { TreatUnmatchedTokensAsErrors = false };
                groupCommands.Add(words[0], parent);
                _root.Subcommands.Add(parent);
            }

            Command command = new(words[^1]);
            command.Arguments.Add(new Argument<string[]>("operands") { Arity = ArgumentArity.ZeroOrMore });
            foreach (Setting setting in verb.Settings.Concat(verb.SilentSettings))
            {
                command.Options.Add(ToOption(setting));
            }

            _verbs.Add(command, verb);
            parent.Subcommands.Add(command);
        }
    }

    public IReadOnlyList<Verb> Verbs => _all;

    public IReadOnlyDictionary<string, string> Groups => _groups;

    /// <exception cref="CacheException"><c>Configuration</c>: wrong usage; the sentence names the nearest right word.</exception>
    public ParsedCommand Parse(IReadOnlyList<string> arguments)
    {
        // '@file' would be read as more arguments; ours may be dataset versions.
        ParseResult result = _root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        Dictionary<Setting, IReadOnlyList<string>> given = [];
        CollectOptions(result.RootCommandResult, given);
        bool wantsHelp = given.ContainsKey(OutputSettings.Help);

        Command command = result.CommandResult.Command;
        if (!_verbs.TryGetValue(command, out Verb? verb))
        {
            string? group = command == _root ? null : command.Name;
            string? stray = result.UnmatchedTokens.Count > 0 ? result.UnmatchedTokens[0] : null;
            if (stray is null)
            {
                return new ParsedCommand(null, group, given, [], wantsHelp);
            }

            throw UnknownWord(group, stray);
        }

        List<string> operands = [];
        if (verb.TakesAnything)
        {
            operands.AddRange(arguments.Skip(verb.Path.Split(' ').Length));
            return new ParsedCommand(verb, null, new Dictionary<Setting, IReadOnlyList<string>>(), operands, false);
        }

        if (result.UnmatchedTokens.Count > 0 && !wantsHelp)
        {
            throw UnknownWord(null, result.UnmatchedTokens[0]); // It stands before the verb.
        }

        // What stands behind "--" is an operand whatever it looks like.
        int literal = 0;
        int separator = result.Tokens.ToList().FindIndex(static t => t.Type == TokenType.DoubleDash);
        if (separator >= 0)
        {
            literal = result.Tokens.Count - separator - 1;
        }

        IReadOnlyList<Token> words = result.GetResult(command.Arguments[0])?.Tokens ?? [];
        for (int i = 0; i < words.Count; i++)
        {
            string word = words[i].Value;
            if (word.Length > 1 && word[0] == '-' && i < words.Count - literal)
            {
                if (wantsHelp)
                {
                    continue;
                }

                throw UnknownOption(verb, word);
            }

            operands.Add(word);
        }

        if (!wantsHelp)
        {
            CheckOperands(verb, operands);
        }

        return new ParsedCommand(verb, null, given, operands, wantsHelp);
    }

    /// <summary>Options that a verb takes, those of every verb included.</summary>
    public static IEnumerable<Setting> SettingsOf(Verb verb) => verb.Settings.Concat(verb.SilentSettings).Concat(OutputSettings.OfEveryVerb);

    /// <summary>Every setting there is, once.</summary>
    public IEnumerable<Setting> AllSettings => _all.SelectMany(static v => v.Settings).Concat(OutputSettings.OfEveryVerb).Distinct();

    private Option ToOption(Setting setting)
    {
        string[] aliases = setting.Short is { } letter ? ["-" + letter] : [];

        // A bool takes a following word only when it is true or false, so '--live DIR' leaves DIR alone.
        Option option = setting.IsFlag
            ? new Option<bool>(setting.Option, aliases) { Arity = ArgumentArity.ZeroOrOne }
            : new Option<string[]>(setting.Option, aliases) { Arity = new ArgumentArity(0, 1000), AllowMultipleArgumentsPerToken = false };
        _settings.Add(option, setting);
        return option;
    }

    private void CollectOptions(CommandResult parent, Dictionary<Setting, IReadOnlyList<string>> given)
    {
        foreach (SymbolResult child in parent.Children)
        {
            if (child is CommandResult command)
            {
                CollectOptions(command, given);
            }
            else if (child is OptionResult { Implicit: false } option && _settings.TryGetValue(option.Option, out Setting? setting))
            {
                if (setting.IsFlag)
                {
                    given[setting] = [option.Tokens.Count > 0 ? option.Tokens[^1].Value : "true"];
                    continue;
                }

                List<string> texts = [.. option.Tokens.Select(static t => t.Value)];
                if (texts.Count < option.IdentifierTokenCount || texts.Contains(""))
                {
                    throw Usage($"{option.IdentifierToken?.Value ?? setting.Option} needs a value: {setting.Option} {setting.ValueName}.");
                }

                given[setting] = given.TryGetValue(setting, out IReadOnlyList<string>? before) ? [.. before, .. texts] : texts;
            }
        }
    }

    private CacheException UnknownWord(string? group, string stray)
    {
        if (stray.Length > 1 && stray[0] == '-')
        {
            string? option = NearestWord.Find(OptionName(stray), OutputSettings.OfEveryVerb.Select(static s => s.Option));
            return Usage($"unknown option {OptionName(stray)}{DidYouMean(option)}; options of a verb come after it, as in 'mlp mount --anonymous'.");
        }

        List<string> known = [.. Words(group)];
        string what = group is null ? "verb" : $"verb of 'mlp {group}'";
        string? nearest = NearestWord.Find(stray, known);
        if (nearest is null && group is null)
        {
            // 'mlp add' means 'mlp dataset add'.
            Verb? inGroup = _all.FirstOrDefault(v => v.Path.EndsWith(' ' + stray, StringComparison.Ordinal));
            nearest = inGroup?.Path;
        }

        string list = $"there {(known.Count == 1 ? "is" : "are")} {string.Join(", ", known)}";
        return Usage($"'{stray}' is no {what}{(nearest is null ? "; " + list : DidYouMean($"'mlp {(group is null ? "" : group + " ")}{nearest}'"))}{(nearest is null ? "." : "")}");
    }

    private CacheException UnknownOption(Verb verb, string word)
    {
        string name = OptionName(word);
        if (word.Contains('=', StringComparison.Ordinal) && SettingsOf(verb).FirstOrDefault(s => s.Option == name) is { IsFlag: true })
        {
            return Usage($"{name} takes no value but =true or =false.");
        }

        string? nearest = NearestWord.Find(name, SettingsOf(verb).Select(static s => s.Option));
        if (nearest is null)
        {
            Verb? owner = _all.FirstOrDefault(v => !v.IsHidden && v.Settings.Any(s => s.Option == name || "-" + s.Short == name));
            if (owner is not null)
            {
                return Usage($"{name} is an option of 'mlp {owner.Path}', not of 'mlp {verb.Path}'.");
            }
        }

        return Usage(nearest is null
            ? $"unknown option {name}; 'mlp {verb.Path} --help' lists those that exist."
            : $"unknown option {name}{DidYouMean(nearest)}");
    }

    private static void CheckOperands(Verb verb, List<string> operands)
    {
        int least = verb.Operands.Count(static o => !o.IsOptional);
        bool endless = verb.Operands.Any(static o => o.IsRepeatable);
        string usage = $"usage: mlp {verb.Path} {string.Join(' ', verb.Operands.Select(static o => o.Usage))}".TrimEnd();
        if (operands.Count < least)
        {
            string missing = string.Join(" and ", verb.Operands.Where(static o => !o.IsOptional).Skip(operands.Count).Select(static o => o.Name));
            throw Usage($"{missing} {(least - operands.Count == 1 ? "is" : "are")} missing; {usage}");
        }

        if (!endless && operands.Count > verb.Operands.Count)
        {
            throw Usage($"'{operands[verb.Operands.Count]}' is one word too many; {usage}");
        }

        for (int i = 0; i < operands.Count; i++)
        {
            Operand operand = verb.Operands[Math.Min(i, verb.Operands.Count - 1)];
            if (operand.Words.Count > 0 && !operand.Words.Contains(operands[i]))
            {
                throw Usage($"{operand.Name} is one of {string.Join(", ", operand.Words)}, not '{operands[i]}'{DidYouMean(NearestWord.Find(operands[i], operand.Words))}");
            }
        }
    }

    private IEnumerable<string> Words(string? group) => _all
        .Where(v => !v.IsHidden && (group is null || v.Path.StartsWith(group + " ", StringComparison.Ordinal)))
        .Select(v => v.Path.Split(' ')[group is null ? 0 : 1])
        .Distinct();

    private static string OptionName(string word) => word.Split('=', 2)[0];

    private static string DidYouMean(string? word) => word is null ? "" : $"; did you mean {word}?";

    private static CacheException Usage(string sentence) => new(CacheError.Configuration, sentence);
}
