using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Inspection;
using MLPlatform.Cli.Options;

namespace MLPlatform.Cli.Verbs;

internal sealed class StatsVerb : Verb
{
    // As often as a screen scrolls.
    private const int LinesPerHeading = 20;

    private static readonly Setting<TimeSpan> s_interval = new(
        "interval", "TIME", "Between two lines; a bare number is seconds.", TimeSpan.FromSeconds(1), static t => SettingKinds.ParseDuration(t[0]) is { Ticks: > 0 } time ? time : throw new FormatException("must be more than nothing"))
    {
        IsPerCall = true,
        DefaultText = "1s",
    };

    private static readonly Setting<int?> s_count = new(
        "count", "N", "Stop after so many lines.", null, static t => SettingKinds.ParseCount(t[0]) is > 0 and int count ? count : throw new FormatException("must be at least 1"))
    {
        IsPerCall = true,
        DefaultText = "until Ctrl-C",
    };

    public override string Path => "stats";

    public override string Summary => "shows what a mount does, one line per interval";

    public override string Description => """
        Prints one line per interval: what the server uses, what the kernel asks of it, what readers got and how much of that was a hit, what the cache's disk gave and holds, and what was asked of the store. The first line is the average since the mount began, each later one its interval.

        With --json each line is one object with the counters since the mount began, as in DIR/.mlp/stats.

        Only what reaches the server is counted: reads that the kernel serves from its page cache or by passthrough are not.
        """;

    public override IReadOnlyList<Operand> Operands { get; } = [new("DIR", "A mount, or a path in it.", CompletionKind.MountPoint)];

    public override IReadOnlyList<Setting> Settings { get; } = [s_interval, s_count];

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("Watch a mount", "mlp stats /mnt/data"),
        new("Bytes fetched from the store so far", "mlp stats /mnt/data --json --count 1 | jq .origin_bytes"),
    ];

    public override IReadOnlyList<(int Code, string Meaning)> ExitNotes { get; } = [(ExitCodes.Done, "as many lines as --count wants, or ended by Ctrl-C")];

    public override IReadOnlyList<string> SeeAlso => ["info", "mount"];

    public override async Task<int> RunAsync(VerbContext context, CancellationToken cancellationToken)
    {
        MountedDirectory mount = MountedDirectory.Of(context.Operands[0]);
        int? count = context.Get(s_count);
        using PeriodicTimer timer = new(context.Get(s_interval), TimeProvider.System);
        StatsSnapshot? before = null;
        for (int line = 0; count is null || line < count; line++)
        {
            try
            {
                if (line > 0)
                {
                    await timer.WaitForNextTickAsync(cancellationToken);
                }

                StatsSnapshot now = StatsSnapshot.Parse(await mount.ReadControlAsync("stats", cancellationToken));
                Show(context, before, now, line);
                before = now;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested && count is null)
            {
                return ExitCodes.Done; // The usual end of watching.
            }
        }

        return ExitCodes.Done;
    }

    private static void Show(VerbContext context, StatsSnapshot? before, StatsSnapshot now, int line)
    {
        if (context.Json)
        {
            context.Terminal.WriteLine(now.Line);
            return;
        }

        if (line % LinesPerHeading == 0 && (line == 0 || context.Terminal.IsOutputTerminal))
        {
            foreach (string heading in StatsColumns.Headings())
            {
                context.Terminal.WriteLine(context.Terminal.Paint("1", heading));
            }
        }

        context.Terminal.WriteLine(StatsColumns.Line(before, now, now["uptime_s"] - (before?["uptime_s"] ?? 0)));
    }
}
