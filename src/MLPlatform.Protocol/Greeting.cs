using System.Buffers.Binary;
using System.Text;
using MLPlatform.Core;

namespace MLPlatform.Protocol;

/// <summary>The payload of hello and welcome: 32 bytes, more in later versions.</summary>
internal sealed record Greeting(string Service, int ProcessId, FrameLimits Limits)
{
    public const int Bytes = 32;

    private const int MaxCredit = 1 << 30;

    private static ReadOnlySpan<byte> Magic => "mlpframe"u8;

    public byte[] Write()
    {
        byte[] bytes = new byte[Bytes];
        Magic.CopyTo(bytes);
        Invariant.That(Service.Length == 8 && Ascii.IsValid(Service));
        Encoding.ASCII.GetBytes(Service, bytes.AsSpan(8));
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(16), ProcessId);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(20), Limits.MaxPayloadBytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(24), Limits.MaxRequests);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(28), Limits.MaxRequestBytes);
        return bytes;
    }

    /// <exception cref="CacheException"><c>Corrupt</c>: it is none; <c>Unsupported</c>: something else is spoken.</exception>
    public static Greeting Read(ReadOnlySpan<byte> bytes, string service)
    {
        if (bytes.Length < Bytes || !bytes.StartsWith(Magic))
        {
            throw new CacheException(CacheError.Corrupt, "The connection does not begin with a greeting.");
        }

        string spoken = Encoding.Latin1.GetString(bytes.Slice(8, 8));
        if (spoken != service)
        {
            throw new CacheException(CacheError.Unsupported, $"The other process speaks '{spoken}' and not '{service}'.");
        }

        FrameLimits limits = new()
        {
            MaxPayloadBytes = BinaryPrimitives.ReadInt32LittleEndian(bytes[20..]),
            MaxRequests = BinaryPrimitives.ReadInt32LittleEndian(bytes[24..]),
            MaxRequestBytes = BinaryPrimitives.ReadInt32LittleEndian(bytes[28..]),
        };
        return limits is { MaxPayloadBytes: > 0 and <= MaxCredit, MaxRequests: > 0 and <= MaxCredit, MaxRequestBytes: > 0 and <= MaxCredit }
            ? new Greeting(spoken, BinaryPrimitives.ReadInt32LittleEndian(bytes[16..]), limits)
            : throw new CacheException(CacheError.Corrupt, "A greeting has limits that make no sense.");
    }
}
