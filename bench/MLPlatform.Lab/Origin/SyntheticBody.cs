namespace MLPlatform.Lab;

/// <summary><see cref="SyntheticContent"/> as an object's body; costs one copy.</summary>
internal sealed class SyntheticBody(long phase) : OriginBody
{
    public override void Read(long offset, Span<byte> destination) => SyntheticContent.Fill(phase, offset, destination);
}
