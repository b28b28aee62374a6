namespace MLPlatform.Fuse;

/// <summary>What statfs(2) shows: blocks of <see cref="BlockSize"/> bytes and numbers of files.</summary>
public struct FuseStatFs
{
    public ulong Blocks;
    public ulong BlocksFree;
    public ulong Files;
    public uint BlockSize;
}
