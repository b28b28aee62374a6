namespace MLPlatform.Lab;

/// <summary>How a cut connection ends.</summary>
public enum CutStyle
{
    /// <summary>RST: the reader gets ECONNRESET.</summary>
    Reset,

    /// <summary>FIN: the reader gets an end of stream and must notice by itself that bytes are missing.</summary>
    Close,
}
