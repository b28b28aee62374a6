using System.Globalization;
using MLPlatform.Core;

namespace MLPlatform.Bench;

/// <summary>Reads <c>--name value</c> pairs.</summary>
internal sealed class BenchOptions(string[] args)
{
    /// <summary>The binary under test: <c>--mlp FILE</c>, else MLP_BINARY, else the published one.</summary>
    public string Mlp => Text("mlp", Environment.GetEnvironmentVariable("MLP_BINARY") ?? Path.GetFullPath("artifacts/publish/mlp"));

    /// <summary>Pairs of floor and measurement.</summary>
    public int Pairs => Number("pairs", IsQuick ? 2 : 11);

    /// <summary><c>--quick</c>: small and few, to see within a minute that a verb works. Its figures mean little.</summary>
    public bool IsQuick => Has("quick");

    public bool Has(string name) => args.Contains("--" + name);

    public int Number(string name, int standard) => int.Parse(Text(name, standard.ToString(CultureInfo.InvariantCulture)), CultureInfo.InvariantCulture);

    public long Size(string name, string standard) =>
        ByteSize.TryParse(Text(name, standard), out long bytes) ? bytes : throw new ArgumentException($"--{name} is no size");

    public string Text(string name, string standard)
    {
        int at = Array.IndexOf(args, "--" + name);
        return at >= 0 && at + 1 < args.Length ? args[at + 1] : standard;
    }
}
