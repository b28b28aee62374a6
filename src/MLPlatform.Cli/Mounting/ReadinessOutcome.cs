namespace MLPlatform.Cli.Mounting;

/// <summary>What a parent heard from the server it started.</summary>
internal enum ReadinessOutcome
{
    Ready,

    /// <summary>The server said why not.</summary>
    Failed,

    /// <summary>The pipe closed without a word: the server has crashed.</summary>
    Vanished,

    /// <summary>No line came for the whole deadline.</summary>
    Silent,
}
