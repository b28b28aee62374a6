namespace MLPlatform.Tiers;

/// <summary>
/// Names the bytes of one file version in the cache: the first 128 bits of a SHA-256 over credential scope, object URI, identity and size.
/// Equal objects in two datasets under the same credentials have one key, another version has another.
/// </summary>
public readonly record struct FileKey(ulong High, ulong Low)
{
    /// <summary>32 hexadecimal digits: the file's name on disk.</summary>
    public override string ToString() => $"{High:x16}{Low:x16}";
}
