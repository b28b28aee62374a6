namespace MLPlatform.Fuse;

/// <summary>File types as the upper bits of <c>st_mode</c> name them.</summary>
public enum FuseFileKind
{
    Directory = 0x4000,
    File = 0x8000,
    SymbolicLink = 0xA000,
}
