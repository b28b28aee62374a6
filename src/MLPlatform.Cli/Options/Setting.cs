namespace MLPlatform.Cli.Options;

/// <summary>
/// One named value that a user can give on the command line, in the environment or in the configuration file. Immutable; one
/// object per name in the whole program, shared by all verbs that take it.
/// </summary>
internal abstract class Setting
{
    protected Setting(string name, string? valueName, string description)
    {
        Name = name;
        ValueName = valueName;
        Description = description;
        Environment = ["MLP_" + name.Replace('-', '_').ToUpperInvariant()];
    }

    /// <summary>Without dashes in front: <c>endpoint-url</c>. The configuration file uses the same word, <c>-o</c> the same with underscores.</summary>
    public string Name { get; }

    public string Option => "--" + Name;

    public char? Short { get; init; }

    /// <summary>What stands for the value in help, or null for a flag.</summary>
    public string? ValueName { get; }

    public string Description { get; }

    /// <summary>Heading in help.</summary>
    public string Group { get; init; } = "Options";

    /// <summary>Variables that are asked in this order; the first that is set and not empty counts.</summary>
    public IReadOnlyList<string> Environment { get; init; }

    /// <summary>False where another variable switches those above off.</summary>
    public Func<Func<string, string?>, bool> EnvironmentCounts { get; init; } = static _ => true;

    /// <summary>True for what makes sense for one call only: no variable and no line in a file sets it.</summary>
    public bool IsPerCall { get; init; }

    public bool IsRepeatable { get; protected init; }

    public bool IsFlag => ValueName is null;

    /// <summary>The only values allowed, or empty.</summary>
    public IReadOnlyList<string> Words { get; init; } = [];

    /// <summary>True when a wrong value may hold a secret, so that no message repeats it.</summary>
    public bool IsSensitive { get; init; }

    /// <summary>What shells offer after it.</summary>
    public CompletionKind Completion { get; init; }

    /// <summary>The default as help and <c>mlp config show</c> print it; empty for none.</summary>
    public string DefaultText { get; init; } = "";

    /// <exception cref="FormatException">The message is the second half of a sentence: "is no size; write 512MiB".</exception>
    public abstract object? Parse(IReadOnlyList<string> texts);

    public abstract object? Default { get; }

    public override string ToString() => Option;
}
