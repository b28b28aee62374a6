using System.Text;
using MLPlatform.Core;

namespace MLPlatform.UnderStore;

/// <summary>
/// One version of one object, or of a range of one, such as a member of a tar shard: what a ranged read must be given, so that it returns these bytes or fails.
/// Many ranges share path and identity, so whoever keeps bytes by them must take <see cref="Offset"/> in.
/// </summary>
/// <param name="Path">As in <see cref="StoreEntry.Path"/>.</param>
/// <param name="Size">Length in bytes of what is read: of the object or of the range.</param>
/// <param name="Identity">The version wanted.</param>
public sealed record StoreObject(byte[] Path, long Size, ObjectIdentity Identity)
{
    /// <summary>Where the range begins in the object; 0 for a whole one.</summary>
    public long Offset { get; init; }

    /// <summary>Bytes of the whole object, which tell versions apart beside the identity.</summary>
    public long ObjectSize { get; init; } = Size;

    /// <summary>Only a part of the object: the local file behind it, if any, holds other bytes too.</summary>
    public bool IsRange => ObjectSize != Size;

    /// <summary>The path as text for messages; bytes that are no UTF-8 show as U+FFFD.</summary>
    public string DisplayPath => Encoding.UTF8.GetString(Path);
}
