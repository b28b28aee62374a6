using System.Buffers.Binary;

namespace MLPlatform.Lab;

/// <summary>One message of a session to the kernel.</summary>
public readonly ref struct FakeReply(ReadOnlySpan<byte> message)
{
    private readonly ReadOnlySpan<byte> _message = message;

    /// <summary>Nothing came within the time.</summary>
    public bool IsEmpty => _message.IsEmpty;

    public uint Length => BinaryPrimitives.ReadUInt32LittleEndian(_message);

    /// <summary>Zero, or an errno as a positive number; of a notification its code as a negative one.</summary>
    public int Error => -BinaryPrimitives.ReadInt32LittleEndian(_message[4..]);

    public ulong Unique => BinaryPrimitives.ReadUInt64LittleEndian(_message[8..]);

    public ReadOnlySpan<byte> Body => _message[FakeKernel.OutHeaderBytes..];

    public ReadOnlySpan<byte> Whole => _message;
}
