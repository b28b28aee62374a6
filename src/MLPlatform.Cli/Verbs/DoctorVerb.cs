using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Cli.Doctor;
using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Options;
using MLPlatform.Datasets;

namespace MLPlatform.Cli.Verbs;

internal sealed class DoctorVerb : Verb
{
    public override string Path => "doctor";

    public override string Summary => "says what would fail and what to do about it";

    public override string Description => """
        Looks at the kernel, the right to mount, limits, memory and disk; with a SOURCE also at credentials, network, clock and certificates, and lists the source as a mount would.

        Each line is ok, warn or fail, and a warn or fail says what to do. Nothing is changed, and no secret is printed.
        """;

    public override IReadOnlyList<Operand> Operands { get; } = [new("SOURCE", "What you want to mount.", CompletionKind.Source) { IsOptional = true }];

    public override IReadOnlyList<Setting> Settings { get; } = [.. StoreSettings.All, .. CatalogueSettings.All, MountSettings.Memory, CacheSettings.CacheDir, CacheSettings.NoCache];

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("Will mounts work here", "mlp doctor"),
        new("Will this one", "mlp doctor --endpoint-url https://s3.example.org s3://bucket/prefix"),
        new("Only what is wrong, for a script", "mlp doctor --json | jq -r '.checks[] | select(.status != \"ok\") | .remedy'"),
    ];

    public override IReadOnlyList<(int Code, string Meaning)> ExitNotes { get; } = [(ExitCodes.Done, "no line failed"), (ExitCodes.Failed, "at least one line failed")];

    public override IReadOnlyList<string> SeeAlso => ["mount", "config show"];

    public override async Task<int> RunAsync(VerbContext context, CancellationToken cancellationToken)
    {
        List<Finding> findings = [];
        Add(KernelChecks.Run());
        Add(ResourceChecks.Run(context.Get(CatalogueSettings.StateDir), context.Get(MountSettings.Memory), CacheSettings.Devices(context.Values).Select(static d => d.Directory)));
        if (context.Operands.Count > 0)
        {
            foreach (DatasetSource source in Sources(context))
            {
                Add(await new StoreChecks(source.Store.Over(StoreSettings.From(context.Values)), TimeProvider.System, context.Environment).RunAsync(source.Uri, cancellationToken));
            }
        }

        int failed = findings.Count(static f => f.Status == FindingStatus.Fail);
        int warned = findings.Count(static f => f.Status == FindingStatus.Warn);
        if (context.Json)
        {
            context.Terminal.WriteLine(Json(findings, failed, warned));
        }
        else
        {
            context.Terminal.WriteLine($"{findings.Count - failed - warned} ok, {warned} to look at, {failed} failed");
        }

        return failed > 0 ? ExitCodes.Failed : ExitCodes.Done;

        // Shown one by one: a store may take its time.
        void Add(IEnumerable<Finding> more)
        {
            foreach (Finding finding in more)
            {
                findings.Add(finding);
                if (!context.Json)
                {
                    Show(context.Terminal, finding);
                }
            }
        }
    }

    private static IReadOnlyList<DatasetSource> Sources(VerbContext context)
    {
        Catalogue catalogue = CatalogueSettings.Open(context.Values, NullLoggerFactory.Instance);
        SourceReference reference = SourceReference.Parse(context.Operands[0], catalogue, Environment.CurrentDirectory);
        return reference.Dataset is { } name ? catalogue.Definition(name).Sources : [new DatasetSource("", reference.Uri!, new StoreReference())];
    }

    private static void Show(Terminal terminal, Finding finding)
    {
        string word = finding.Status switch
        {
            FindingStatus.Ok => terminal.Paint("32", "ok  "),
            FindingStatus.Warn => terminal.Paint("33", "warn"),
            _ => terminal.Paint("31;1", "fail"),
        };
        terminal.WriteLine($"{word}  {finding.Name,-15}  {finding.What}");
        if (finding.Remedy is not null)
        {
            terminal.WriteLine($"{new string(' ', 23)}→ {finding.Remedy}");
        }
    }

    private static string Json(IEnumerable<Finding> findings, int failed, int warned) => JsonText.Write(writer =>
    {
        writer.WriteStartObject();
        writer.WriteNumber("failed", failed);
        writer.WriteNumber("warned", warned);
        writer.WriteStartArray("checks");
        foreach (Finding finding in findings)
        {
            writer.WriteStartObject();
            writer.WriteString("name", finding.Name);
            writer.WriteString("status", finding.Status.ToString().ToLowerInvariant());
            writer.WriteString("what", finding.What);
            writer.WriteString("remedy", finding.Remedy);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    });
}
