namespace MLPlatform.Protocol;

/// <summary>What a frame is for; the numbers are on the wire (docs/PROTOCOL.md).</summary>
internal enum FrameKind : byte
{
    /// <summary>The first frame of whoever connected.</summary>
    Hello = 1,

    /// <summary>The answer to it; requests may follow in both directions.</summary>
    Welcome = 2,

    /// <summary>The other answer to it: a status and a sentence; the connection ends.</summary>
    Refuse = 3,

    /// <summary>Gets exactly one response, cancelled or not.</summary>
    Request = 4,

    Response = 5,

    /// <summary>Nobody waits for this request's response any more; it comes all the same.</summary>
    Cancel = 6,
}
