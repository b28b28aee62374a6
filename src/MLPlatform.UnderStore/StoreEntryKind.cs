namespace MLPlatform.UnderStore;

/// <summary>What a listing found. The values are part of the manifest format.</summary>
public enum StoreEntryKind : byte
{
    Directory = 0,
    File = 1,
    SymbolicLink = 2,
}
