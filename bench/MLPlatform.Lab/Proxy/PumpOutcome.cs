namespace MLPlatform.Lab;

/// <summary>How a response ended.</summary>
internal enum PumpOutcome
{
    /// <summary>Whole.</summary>
    Complete,

    /// <summary>By a cut.</summary>
    Cut,

    /// <summary>The proxy stops, or the client left while it was held.</summary>
    Stopped,
}
