using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using MLPlatform.Core;

namespace MLPlatform.Tiers;

/// <summary>
/// Names the bytes of one file version in the cache: the first 128 bits of a SHA-256 over credential scope, object URI, identity and size.
/// Equal objects in two datasets under the same credentials have one key, another version has another.
/// </summary>
public readonly record struct FileKey(ulong High, ulong Low)
{
    // Longer names are hashed from the heap.
    private const int StackBytes = 1024;

    /// <param name="scope">Who may see the bytes: differs between credentials, so that nobody gets from the cache what the store would refuse.</param>
    /// <param name="storeUri">Of the store the path lies in, without a trailing slash.</param>
    /// <param name="path">Bytes below it.</param>
    /// <param name="size">Bytes of the file.</param>
    /// <param name="baseOffset">Where the file begins within the object; 0 unless it is a member of an archive.</param>
    public static FileKey Of(ulong scope, ReadOnlySpan<byte> storeUri, ReadOnlySpan<byte> path, in ObjectIdentity identity, long size, long baseOffset = 0)
    {
        // Lengths go first, so no two different inputs give the same bytes.
        string? text = identity.Text;
        int textBytes = text is null ? 0 : Encoding.UTF8.GetMaxByteCount(text.Length);
        int capacity = 64 + storeUri.Length + path.Length + textBytes;
        Span<byte> input = capacity <= StackBytes ? stackalloc byte[StackBytes] : new byte[capacity];
        BinaryPrimitives.WriteUInt64LittleEndian(input, scope);
        BinaryPrimitives.WriteInt64LittleEndian(input[8..], size);
        BinaryPrimitives.WriteInt64LittleEndian(input[16..], baseOffset);
        BinaryPrimitives.WriteUInt128LittleEndian(input[24..], identity.Value);
        BinaryPrimitives.WriteInt32LittleEndian(input[40..], (int)identity.Kind);
        BinaryPrimitives.WriteInt32LittleEndian(input[44..], storeUri.Length);
        BinaryPrimitives.WriteInt32LittleEndian(input[48..], path.Length);
        int length = 52;
        storeUri.CopyTo(input[length..]);
        length += storeUri.Length;
        path.CopyTo(input[length..]);
        length += path.Length;
        length += text is null ? 0 : Encoding.UTF8.GetBytes(text, input[length..]);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(input[..length], hash);
        return new FileKey(BinaryPrimitives.ReadUInt64BigEndian(hash), BinaryPrimitives.ReadUInt64BigEndian(hash[8..]));
    }

    /// <summary>32 hexadecimal digits: the file's name on disk.</summary>
    public override string ToString() => $"{High:x16}{Low:x16}";
}
