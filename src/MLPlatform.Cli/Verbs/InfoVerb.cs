using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Inspection;
using MLPlatform.Cli.Options;
using MLPlatform.Core;

namespace MLPlatform.Cli.Verbs;

internal sealed class InfoVerb : Verb
{
    public override string Path => "info";

    public override string Summary => "tells what a path in a mount is a version of, and where its bytes are";

    public override string Description => """
        Prints for each PATH its size, the object behind it, that object's identity, the version it belongs to and what is cached of it. For a mount point also its source, process and log.

        The same stands in the extended attributes user.mlp.* and in DIR/.mlp/where/PATH.
        """;

    public override IReadOnlyList<Operand> Operands { get; } = [new("PATH", "A file or directory in a mount, or the mount point.", CompletionKind.File) { IsRepeatable = true }];

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("Which object is this", "mlp info /mnt/data/train/cat.jpg"),
        new("Where does this mount log", "mlp info /mnt/data --json | jq -r '.[0].log'"),
    ];

    public override IReadOnlyList<(int Code, string Meaning)> ExitNotes { get; } = [(ExitCodes.DoneInPart, "some of several paths could not be told about")];

    public override IReadOnlyList<string> SeeAlso => ["stats", "dataset show", "getfattr(1)"];

    public override async Task<int> RunAsync(VerbContext context, CancellationToken cancellationToken)
    {
        List<IReadOnlyList<(string Key, string Value)>> found = [];
        int failed = 0;
        foreach (string path in context.Operands)
        {
            try
            {
                found.Add(await PathInfo.ReadAsync(path, cancellationToken));
                if (!context.Json)
                {
                    Show(context.Terminal, found[^1], found.Count > 1);
                }
            }
            catch (Exception e) when (context.Operands.Count > 1 && e is (CacheException or IOException or UnauthorizedAccessException))
            {
                failed++;
                context.Terminal.Fail(e.Message);
            }
        }

        if (context.Json)
        {
            context.Terminal.WriteLine(Json(found));
        }

        return failed == 0 ? ExitCodes.Done : found.Count == 0 ? ExitCodes.Failed : ExitCodes.DoneInPart;
    }

    private static void Show(Terminal terminal, IReadOnlyList<(string Key, string Value)> rows, bool isLater)
    {
        if (isLater)
        {
            terminal.WriteLine("");
        }

        foreach (string line in TextTable.Format([.. rows.Select(static r => new[] { r.Key + ":", r.Value })]))
        {
            terminal.WriteLine(line);
        }
    }

    private static string Json(IEnumerable<IReadOnlyList<(string Key, string Value)>> found) => JsonText.Write(writer =>
    {
        writer.WriteStartArray();
        foreach (IReadOnlyList<(string Key, string Value)> rows in found)
        {
            writer.WriteStartObject();
            foreach ((string key, string value) in rows)
            {
                if (key is "bytes" or "files" or "dataset_bytes" or "pid" && long.TryParse(value, out long number))
                {
                    writer.WriteNumber(key, number);
                }
                else
                {
                    writer.WriteString(key, value);
                }
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    });
}
