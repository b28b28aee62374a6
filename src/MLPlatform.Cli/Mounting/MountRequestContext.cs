using Microsoft.Extensions.Logging;

namespace MLPlatform.Cli.Mounting;

/// <summary>What a mount is started with beside its options.</summary>
/// <param name="ControlDirectory">An empty directory for the control file system.</param>
/// <param name="LogPath">For readers of the control files; null for stderr.</param>
/// <param name="Progress">Takes one line of words whenever something long goes on; each restarts the starter's deadline.</param>
internal sealed record MountRequestContext(string ControlDirectory, string? LogPath, ILoggerFactory Loggers, Action<string> Progress);
