using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Mounting;
using MLPlatform.Cli.Verbs;
using MLPlatform.Cli.Verbs.Cache;
using MLPlatform.Cli.Verbs.Datasets;

namespace MLPlatform.Cli;

/// <summary>The verbs of <c>mlp</c> and the way from the process's arguments to one of them.</summary>
internal static class CommandLine
{
    private static readonly Dictionary<string, string> s_groups = new()
    {
        ["dataset"] = "names datasets, lists their versions and keeps them up to date",
        ["config"] = "shows the options in force",
    };

    public static Task<int> RunAsync(string[] arguments)
    {
        Terminal terminal = Terminal.System();
        Application application = new(CreateTree(), terminal, Environment.GetEnvironmentVariable, Interrupts.Listen);
        IReadOnlyList<string> words = MountHelper.IsHelperName(MountHelper.ProgramName()) ? MountHelper.Translate(arguments) : arguments;
        return application.RunAsync(words);
    }

    public static CommandTree CreateTree()
    {
        CommandTree tree = null!; // Two verbs speak about all the others.
        IReadOnlyList<Verb> verbs = null!;
        verbs =
        [
            new MountVerb(DatasetMount.StartAsync),
            new UmountVerb(),
            new DatasetAddVerb(),
            new DatasetListVerb(),
            new DatasetShowVerb(),
            new DatasetSyncVerb(),
            new DatasetVersionsVerb(),
            new DatasetRemoveVerb(),
            new PreloadVerb(),
            new EvictVerb(),
            new PinVerb(),
            new UnpinVerb(),
            new InfoVerb(),
            new StatsVerb(),
            new DoctorVerb(),
            new DemoVerb(),
            new ConfigShowVerb(() => verbs),
            new VersionVerb(),
            new CompletionVerb(),
            new CompleteVerb(() => tree),
        ];
        tree = new CommandTree(verbs, s_groups);
        return tree;
    }
}
