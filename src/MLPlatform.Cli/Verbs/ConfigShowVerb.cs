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
        if (context.Json)
        {
            context.Terminal.WriteLine(JsonText.Write(writer =>
            {
                writer.WriteStartArray();
                foreach (SettingValue value in Shown(context.Values))
                {
                    writer.WriteStartObject();
                    writer.WriteString("option", value.Setting.Name);
                    writer.WriteString("value", Value(value));
                    writer.WriteString("default", Default(value.Setting));
                    writer.WriteString("from", value.Where);
                    writer.WriteEndObject();
                }

                writer.WriteEndArray();
            }));
            return Task.FromResult(ExitCodes.Done);
        }

        context.Terminal.Output.Write(Text(context.Values));
        return Task.FromResult(ExitCodes.Done);
    }

    /// <summary>The table, for this verb and for the control file of a mount.</summary>
    public static string Text(SettingValues values)
    {
        List<string[]> rows = [["OPTION", "VALUE", "DEFAULT", "FROM"]];
        rows.AddRange(Shown(values).Select(static v => new[] { v.Setting.Name, Value(v) ?? "-", Default(v.Setting) ?? "-", v.Where }));
        return string.Concat(TextTable.Format(rows).Select(static line => line + "\n"));
    }

    private IEnumerable<Setting> Others() => verbs().Where(v => v != this).SelectMany(static v => v.Settings).Where(static s => !s.IsPerCall);

    private static IEnumerable<SettingValue> Shown(SettingValues values) =>
        values.All
            .Where(static v => !v.Setting.IsPerCall || (v.Origin != SettingOrigin.Default && !OutputSettings.OfEveryVerb.Contains(v.Setting)))
            .OrderBy(static v => v.Setting.Name, StringComparer.Ordinal);

    private static string? Value(SettingValue value) => value.Texts.Count > 0 ? string.Join("; ", value.Texts) : Default(value.Setting);

    private static string? Default(Setting setting) => setting.DefaultText.Length > 0 ? setting.DefaultText : setting.IsFlag ? "false" : null;
}
