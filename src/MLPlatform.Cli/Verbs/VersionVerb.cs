using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using MLPlatform.Cli.Framework;

namespace MLPlatform.Cli.Verbs;

internal sealed class VersionVerb : Verb
{
    public override string Path => "version";

    public override string Summary => "prints the version of mlp and of what it runs on";

    public override string Description => "Prints the version of mlp, how it was built, and the kernel it runs on. Put its output into every report of a problem.";

    public override IReadOnlyList<Example> Examples { get; } = [new("Only the number", "mlp version --json | jq -r .version")];

    public override IReadOnlyList<string> SeeAlso => ["doctor"];

    public override Task<int> RunAsync(VerbContext context, CancellationToken cancellationToken)
    {
        // 0.1.0+<commit> when the build knew the commit.
        string[] parts = (typeof(VersionVerb).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown").Split('+', 2);
        string? commit = parts.Length > 1 ? parts[1] : null;
        string build = RuntimeFeature.IsDynamicCodeSupported ? "JIT" : "NativeAOT";
        if (context.Json)
        {
            context.Terminal.WriteLine(JsonText.Write(writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("version", parts[0]);
                writer.WriteString("commit", commit);
                writer.WriteString("build", build);
                writer.WriteString("runtime", RuntimeInformation.FrameworkDescription);
                writer.WriteString("architecture", RuntimeInformation.RuntimeIdentifier);
                writer.WriteString("kernel", Environment.OSVersion.Version.ToString());
                writer.WriteEndObject();
            }));
        }
        else
        {
            context.Terminal.WriteLine($"mlp {parts[0]}{(commit is null ? "" : $" ({commit[..Math.Min(12, commit.Length)]})")}");
            context.Terminal.WriteLine($"{RuntimeInformation.FrameworkDescription}, {build}, {RuntimeInformation.RuntimeIdentifier}, Linux {Environment.OSVersion.Version}");
        }

        return Task.FromResult(ExitCodes.Done);
    }
}
