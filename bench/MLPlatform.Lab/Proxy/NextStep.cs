namespace MLPlatform.Lab;

/// <summary>What becomes of a client's connection after one request.</summary>
internal enum NextStep
{
    ServeNext,

    /// <summary>It ends with a FIN.</summary>
    Close,

    /// <summary>It ends with an RST.</summary>
    Reset,
}
