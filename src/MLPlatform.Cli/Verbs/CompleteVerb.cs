using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Mounting;
using MLPlatform.Cli.Options;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.UnderStore;

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
        Completer.Answer answer = new Completer(tree(), (kind, current) => LookUp(kind, current, context)).Complete([.. words.SkipLast(1)], current);
        foreach ((string word, string description) in answer.Words)
        {
            // Up to the first full stop: a shell's list has one line for each.
            context.Terminal.Output.WriteLine($"{word}\t{description.Split(". ")[0].TrimEnd('.')}");
        }

        context.Terminal.Output.WriteLine(":" + answer.Files);
        return Task.FromResult(ExitCodes.Done);
    }

    private static IEnumerable<string> LookUp(CompletionKind kind, string current, VerbContext context)
    {
        try
        {
            if (kind == CompletionKind.MountPoint)
            {
                return [.. MountPoints.Ours()];
            }

            SettingValues values = SettingResolver.Resolve(CatalogueSettings.All, new Dictionary<Setting, IReadOnlyList<string>>(), context.Environment, null);
            Catalogue catalogue = CatalogueSettings.Open(values, NullLoggerFactory.Instance);
            int at = current.IndexOf('@', StringComparison.Ordinal);
            if (at > 0)
            {
                return catalogue.Contains(current[..at]) ? [.. catalogue.Versions(current[..at]).Select(v => $"{current[..at]}@{v.Version.Short}")] : [];
            }

            return kind == CompletionKind.Source ? [.. catalogue.Names(), .. UnderStoreFactory.Schemes.Select(static s => s + "://")] : kind == CompletionKind.Dataset ? catalogue.Names() : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CacheException)
        {
            return []; // Half a command line is no place for an error.
        }
    }
}
