using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Options;

namespace MLPlatform.Cli.Verbs;

internal sealed class ConfigShowVerb(Func<IReadOnlyList<Verb>> verbs) : Verb
{
    public override string Path => "config show";

    public override string Summary => "prints every option: its value, its default, and where the value came from";

    public override string Description => """
        Prints what each option of each verb would be if the verb ran now: the command line beats the environment, the environment beats the file of --config, the file beats the default.

        Every option of every verb may be given here too, to see what it would do.
        """;

    // Asked for only when all other verbs exist.
    public override IReadOnlyList<Setting> SilentSettings => [.. Others().Distinct()];

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("Everything that is not as shipped", "mlp config show | grep -v ' default$'"),
        new("Check a file before it is used", "mlp config show --config /etc/mlp.yaml"),
    ];

    public override IReadOnlyList<string> SeeAlso => ["mount", "doctor"];

    public override Task<int> RunAsync(VerbContext context, CancellationToken cancellationToken)
    {
        List<SettingValue> values = [.. context.Values.All.Where(static v => !v.Setting.IsPerCall).OrderBy(static v => v.Setting.Name, StringComparer.Ordinal)];
        if (context.Json)
        {
            context.Terminal.WriteLine(JsonText.Write(writer =>
            {
                writer.WriteStartArray();
                foreach (SettingValue value in values)
                {
                    writer.WriteStartObject();
                    writer.WriteString("option", value.Setting.Name);
                    writer.WriteString("value", Text(value));
                    writer.WriteString("default", Default(value.Setting));
                    writer.WriteString("from", value.Where);
                    writer.WriteEndObject();
                }

                writer.WriteEndArray();
            }));
            return Task.FromResult(ExitCodes.Done);
        }

        List<string[]> rows = [["OPTION", "VALUE", "DEFAULT", "FROM"]];
        rows.AddRange(values.Select(static v => new[] { v.Setting.Name, Text(v) ?? "-", Default(v.Setting) ?? "-", v.Where }));
        foreach (string line in TextTable.Format(rows))
        {
            context.Terminal.WriteLine(line);
        }

        return Task.FromResult(ExitCodes.Done);
    }

    private IEnumerable<Setting> Others() => verbs().Where(v => v != this).SelectMany(static v => v.Settings).Where(static s => !s.IsPerCall);

    private static string? Text(SettingValue value) => value.Texts.Count > 0 ? string.Join("; ", value.Texts) : Default(value.Setting);

    private static string? Default(Setting setting) => setting.DefaultText.Length > 0 ? setting.DefaultText : setting.IsFlag ? "false" : null;
}
