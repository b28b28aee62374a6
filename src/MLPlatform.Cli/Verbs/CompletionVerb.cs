using MLPlatform.Cli.Framework;

namespace MLPlatform.Cli.Verbs;

internal sealed class CompletionVerb : Verb
{
    public override string Path => "completion";

    public override string Summary => "prints the completion script of a shell";

    public override string Description => "Prints a script that makes the shell complete verbs, options and values, names of datasets and mounted directories included. Load it from the shell's start file.";

    public override IReadOnlyList<Operand> Operands { get; } = [new("SHELL", "bash, zsh or fish.") { Words = ["bash", "zsh", "fish"] }];

    public override IReadOnlyList<Example> Examples { get; } =
    [
        new("Complete in this bash", "source <(mlp completion bash)"),
        new("Complete in every bash of everybody", "mlp completion bash > /etc/bash_completion.d/mlp"),
        new("Complete in every zsh and fish of yours", "echo 'source <(mlp completion zsh)' >> ~/.zshrc\nmlp completion fish > ~/.config/fish/completions/mlp.fish"),
    ];

    public override Task<int> RunAsync(VerbContext context, CancellationToken cancellationToken)
    {
        context.Terminal.Output.Write(context.Operands[0] switch
        {
            "bash" => CompletionScripts.Bash,
            "zsh" => CompletionScripts.Zsh,
            _ => CompletionScripts.Fish,
        });
        return Task.FromResult(ExitCodes.Done);
    }
}
