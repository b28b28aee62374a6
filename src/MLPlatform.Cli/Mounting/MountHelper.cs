using System.Text;
using MLPlatform.Core;

namespace MLPlatform.Cli.Mounting;

/// <summary>
/// Being called by mount(8): a link <c>/sbin/mount.fuse.mlp</c> to this program makes fstab lines of type <c>fuse.mlp</c> (and with
/// <c>mount.mlp</c> of type <c>mlp</c>) work. mount(8) gives <c>SOURCE DIR [-sfnv] [-N namespace] [-o options] [-t type.subtype]</c>.
/// </summary>
internal static class MountHelper
{
    public static bool IsHelperName(string program) => Path.GetFileName(program) is "mount.fuse.mlp" or "mount.mlp";

    /// <returns>The name this process was called by: a link's own name, which the runtime does not tell.</returns>
    public static string ProgramName()
    {
        try
        {
            byte[] bytes = File.ReadAllBytes("/proc/self/cmdline");
            int end = Array.IndexOf(bytes, (byte)0);
            return Encoding.UTF8.GetString(bytes, 0, Math.Max(end, 0));
        }
        catch (IOException)
        {
            return ""; // No /proc: then nobody can mount anyway.
        }
    }

    /// <returns>The arguments of <c>mlp mount</c> that mean the same.</returns>
    /// <exception cref="CacheException"><c>Configuration</c>.</exception>
    public static IReadOnlyList<string> Translate(IReadOnlyList<string> arguments)
    {
        List<string> operands = [];
        List<string> options = [];
        for (int i = 0; i < arguments.Count; i++)
        {
            string word = arguments[i];
            switch (word)
            {
                case "-o" when i + 1 < arguments.Count:
                    options.AddRange(["-o", arguments[++i]]);
                    break;
                case "-t" or "-N" when i + 1 < arguments.Count:
                    i++; // The type is ours, or we would not have been called; a namespace mount(8) has entered already.
                    break;
                case "-f":
                    options.Add("--fake"); // mount(8)'s dry run.
                    break;
                case "-s":
                    options.Add("--sloppy"); // Unknown options are no error.
                    break;
                case "--help" or "-h":
                    options.Add("--help");
                    break;
                case { Length: > 1 } when word[0] == '-' && word.Skip(1).All(static c => c is 'n' or 'v' or 's' or 'f'):
                    // -n and -v: no mtab is written and nothing more is said anyway.
                    options.AddRange(word.Contains('f', StringComparison.Ordinal) ? ["--fake"] : []);
                    options.AddRange(word.Contains('s', StringComparison.Ordinal) ? ["--sloppy"] : []);
                    break;
                default:
                    operands.Add(word);
                    break;
            }
        }

        return ["mount", .. options, .. operands];
    }
}
