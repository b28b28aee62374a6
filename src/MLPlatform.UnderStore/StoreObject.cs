using System.Text;
using MLPlatform.Core;

namespace MLPlatform.UnderStore;

/// <summary>One version of one object: what a ranged read must be given, so that it returns these bytes or fails.</summary>
/// <param name="Path">As in <see cref="StoreEntry.Path"/>.</param>
/// <param name="Size">Length in bytes.</param>
/// <param name="Identity">The version wanted.</param>
public sealed record StoreObject(byte[] Path, long Size, ObjectIdentity Identity)
{
    /// <summary>The path as text for messages; bytes that are no UTF-8 show as U+FFFD.</summary>
    public string DisplayPath => Encoding.UTF8.GetString(Path);
}
