using MLPlatform.Cli.Demo;
using MLPlatform.Cli.Framework;

namespace MLPlatform.Cli.Verbs;

internal sealed class DemoVerb : Verb
{
    public override string Path => "demo";

    public override string Summary => "shows the whole story in a minute; needs nothing and leaves nothing";

    public override string Description => """
        Makes a small dataset of image-like files and shards in a temporary directory, puts an S3 store with a declared latency and rate in front of it, mounts that, reads it cold and then warm in another random order; then preloads an empty cache, mounts again and reads from the cache's disk, with nothing of it in the page cache. One table shows it all with the same reads from the local disk beside it.

        CPU is that of reader and server together. What the kernel serves from its page cache costs the server nothing and asks the store nothing.

        The dataset and its caches take about 540 MiB of the temporary directory (TMPDIR) while the demo runs. Ctrl-C ends it cleanly.
        """;

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("The demo", "mlp demo"),
        new("Its figures for a script", "mlp demo --json"),
    ];

    public override IReadOnlyList<(int Code, string Meaning)> ExitNotes { get; } = [(ExitCodes.Interrupted, "interrupted; nothing is left")];

    public override IReadOnlyList<string> SeeAlso => ["mount", "doctor"];

    public override async Task<int> RunAsync(VerbContext context, CancellationToken cancellationToken)
    {
        List<DemoPass> passes;
        await using (DemoScript demo = new(context.Terminal))
        {
            passes = await demo.RunAsync(cancellationToken);
        }

        if (context.Json)
        {
            context.Terminal.WriteLine(DemoReport.ToJson(passes));
        }
        else
        {
            DemoReport.Print(passes, context.Terminal);
        }

        return ExitCodes.Done;
    }
}
