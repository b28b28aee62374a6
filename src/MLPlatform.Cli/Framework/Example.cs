namespace MLPlatform.Cli.Framework;

/// <param name="Text">What it does, without a full stop.</param>
/// <param name="Command">One or more lines to type.</param>
internal sealed record Example(string Text, string Command);
