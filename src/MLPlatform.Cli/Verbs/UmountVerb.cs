using MLPlatform.Cli.Framework;
using MLPlatform.Cli.Mounting;
using MLPlatform.Cli.Options;

namespace MLPlatform.Cli.Verbs;

internal sealed class UmountVerb : Verb
{
    private static readonly Setting<bool> s_lazy = new(
        "lazy", null, "Detach a directory that is in use now; its server ends when the last open file is closed.", false, static t => SettingKinds.ParseFlag(t[0]))
    {
        Short = 'l',
        IsPerCall = true,
    };

    public override string Path => "umount";

    public override string Summary => "ends a mount";

    public override string Description => """
        Unmounts DIR and waits for its server to end. Plain umount(8) and 'fusermount3 -u DIR' do as well.

        When DIR is in use, the processes that hold it are named. A mount whose server was killed is found and cleared.
        """;

    public override IReadOnlyList<Operand> Operands { get; } = [new("DIR", "Where it is mounted.", CompletionKind.MountPoint)];

    public override IReadOnlyList<Setting> Settings { get; } = [s_lazy];

    public override IReadOnlyList<Example> Examples { get; } = [new("End a mount", "mlp umount /mnt/data"), new("End it although somebody is in it", "mlp umount --lazy /mnt/data")];

    public override IReadOnlyList<string> SeeAlso => ["mount", "umount(8)", "fusermount3(1)"];

    public override async Task<int> RunAsync(VerbContext context, CancellationToken cancellationToken)
    {
        if (await new Unmounter(RunRegistry.OfThisUser()).UnmountAsync(context.Operands[0], context.Get(s_lazy), cancellationToken) is { } note)
        {
            context.Terminal.Note(note);
        }

        return ExitCodes.Done;
    }
}
