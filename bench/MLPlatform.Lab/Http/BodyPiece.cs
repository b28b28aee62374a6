namespace MLPlatform.Lab;

/// <summary>The next bytes of a body, at the front of a wire's buffer.</summary>
/// <param name="Bytes">Buffered bytes the piece covers; the caller consumes them.</param>
/// <param name="IsPayload">False for chunk framing and trailers.</param>
/// <param name="IsEnd">Nothing follows; such a piece is empty.</param>
internal readonly record struct BodyPiece(int Bytes, bool IsPayload, bool IsEnd);
