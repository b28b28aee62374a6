using MLPlatform.Cli.Options;

namespace MLPlatform.Cli.Framework;

/// <summary>
/// One verb of the command line: what it is called, what it takes, how it is explained, and what it does. Thin: the work
/// itself lives elsewhere. Parsing, precedence, help, completion and exit codes are the framework's.
/// </summary>
internal abstract class Verb
{
    /// <summary>One word, or two for a verb of a group: <c>dataset add</c>.</summary>
    public abstract string Path { get; }

    /// <summary>One line without a full stop, for lists of verbs.</summary>
    public abstract string Summary { get; }

    /// <summary>Paragraphs for help, divided by empty lines.</summary>
    public abstract string Description { get; }

    public virtual IReadOnlyList<Operand> Operands => [];

    /// <summary>Beside those that every verb takes.</summary>
    public virtual IReadOnlyList<Setting> Settings => [];

    /// <summary>Settings that are accepted but not explained in this verb's help.</summary>
    public virtual IReadOnlyList<Setting> SilentSettings => [];

    public abstract IReadOnlyList<Example> Examples { get; }

    /// <summary>Exit codes beyond 0, 1 and 2 that this verb gives, with their meaning.</summary>
    public virtual IReadOnlyList<(int Code, string Meaning)> ExitNotes => [];

    public virtual IReadOnlyList<string> SeeAlso => [];

    /// <summary>True for what only shells call.</summary>
    public virtual bool IsHidden => false;

    /// <summary>True when unknown options are operands too (completion of half a command line).</summary>
    public virtual bool TakesAnything => false;

    /// <summary>Lets a verb turn compound options (<c>-o a=b,c</c>) into the settings they stand for, before anything is resolved.</summary>
    public virtual void Expand(IDictionary<Setting, IReadOnlyList<string>> given)
    {
    }

    /// <returns>The exit code.</returns>
    /// <exception cref="Core.CacheException">Becomes one sentence on stderr and the exit code of its error.</exception>
    public abstract Task<int> RunAsync(VerbContext context, CancellationToken cancellationToken);
}
