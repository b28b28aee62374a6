using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Options;
using MLPlatform.Datasets;

namespace MLPlatform.Cli.Verbs.Datasets;

internal sealed class DatasetRemoveVerb : Verb
{
    private static readonly Setting<bool> s_force = new(
        "force", null, "Also while it is mounted: mounts go on with the version they have.", false, static t => SettingKinds.ParseFlag(t[0]))
    {
        Group = "Dataset options",
        IsPerCall = true,
    };

    public override string Path => "dataset remove";

    public override string Summary => "forgets a dataset and its versions";

    public override string Description => """
        Deletes the definition and the manifests of NAME from this machine. What the stores hold is not touched.

        In a terminal it asks first; --yes answers.
        """;

    public override IReadOnlyList<Operand> Operands { get; } = [DatasetSettings.Name];

    public override IReadOnlyList<Setting> Settings { get; } = [s_force, OutputSettings.Yes, .. DatasetSettings.Reading];

    public override IReadOnlyList<Example> Examples { get; } = [new("Forget a dataset", "mlp dataset remove imagenet"), new("Without a question", "mlp dataset remove imagenet --yes")];

    public override IReadOnlyList<string> SeeAlso => ["dataset add", "dataset list"];

    public override Task<int> RunAsync(VerbContext context, CancellationToken cancellationToken) => DatasetSettings.RunAsync(context, async catalogue =>
    {
        string name = context.Operands[0];
        int versions = catalogue.Versions(name).Count;
        if (!context.Get(OutputSettings.Yes) && !context.Terminal.Confirm($"Remove dataset {name} and its {versions} version{(versions == 1 ? "" : "s")}? The stores are not touched."))
        {
            context.Terminal.Note($"{name} stays.");
            return ExitCodes.Failed;
        }

        await catalogue.RemoveAsync(name, context.Get(s_force), new DatasetBuildOptions().LockDeadline, cancellationToken);
        if (context.Json)
        {
            context.Terminal.WriteLine(JsonText.Write(writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("removed", name);
                writer.WriteEndObject();
            }));
        }

        return ExitCodes.Done;
    });
}
