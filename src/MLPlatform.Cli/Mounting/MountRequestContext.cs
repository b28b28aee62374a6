using Microsoft.Extensions.Logging;

namespace MLPlatform.Cli.Mounting;

/// <summary>What a mount is started with beside its options.</summary>
/// <param name="ControlDirectory">An empty directory for the control file system.</param>
/// <param name="Configuration">Text for the control file <c>config</c>: every option, its value and where that came from.</param>
/// <param name="Progress">Takes one line of words whenever something long goes on; each restarts the starter's deadline.</param>
internal sealed record MountRequestContext(string ControlDirectory, string Configuration, ILoggerFactory Loggers, Action<string> Progress);
