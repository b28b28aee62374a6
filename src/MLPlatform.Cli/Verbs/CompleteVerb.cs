using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Mounting;
using MLPlatform.Cli.Options;
using MLPlatform.Core;

namespace MLPlatform.Cli.Verbs;

/// <summary>What the completion scripts ask. Its lines are <c>WORD\tDESCRIPTION</c>, the last one <c>:files</c>, <c>:dirs</c> or <c>:</c>.</summary>
internal sealed class CompleteVerb(Func<CommandTree> tree) : Verb
{
    public override string Path => "__complete";

    public override string Summary => "finds what may come next on a command line";

    public override string Description => "Asked by the scripts of 'mlp completion'.";

    public override IReadOnlyList<Example> Examples { get; } = [new("What may come behind 'mlp dataset'", "mlp __complete -- dataset ''")];

    public override bool IsHidden => true;

    public override bool TakesAnything => true;

    public override Task<int> RunAsync(VerbContext context, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> words = context.Operands is ["--", ..] ? [.. context.Operands.Skip(1)] : context.Operands;
        string current = words.Count > 0 ? words[^1] : "";
        Completer.Answer answer = new Completer(tree(), LookUp).Complete([.. words.SkipLast(1)], current);
        foreach ((string word, string description) in answer.Words)
        {
            // Up to the first full stop: a shell's list has one line for each.
            context.Terminal.Output.WriteLine($"{word}\t{description.Split(". ")[0].TrimEnd('.')}");
        }

        context.Terminal.Output.WriteLine(":" + answer.Files);
        return Task.FromResult(ExitCodes.Done);
    }

    private static IEnumerable<string> LookUp(CompletionKind kind, string current)
    {
        try
        {
            return kind == CompletionKind.MountPoint ? [.. MountPoints.Ours()] : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CacheException)
        {
            return []; // Half a command line is no place for an error.
        }
    }
}
