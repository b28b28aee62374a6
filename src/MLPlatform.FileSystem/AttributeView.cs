using MLPlatform.Datasets;
using MLPlatform.Fuse;
using MLPlatform.UnderStore;

namespace MLPlatform.FileSystem;

/// <summary>From a dataset's entries to what stat(2) shows under a mount's options. Immutable.</summary>
internal sealed class AttributeView(ViewOptions options)
{
    private const ushort PlainFileMode = 0x1A4; // 0644
    private const ushort PlainDirectoryMode = 0x1ED; // 0755
    private const ushort LinkMode = 0x1FF; // 0777, as Linux shows every symbolic link

    public void Fill(in TreeEntry entry, out FuseAttributes attributes)
    {
        attributes = default;
        attributes.Inode = entry.Inode;
        attributes.MtimeNanoseconds = entry.MtimeNanoseconds;
        attributes.Uid = options.Uid ?? entry.Uid ?? options.DefaultUid;
        attributes.Gid = options.Gid ?? entry.Gid ?? options.DefaultGid;
        attributes.LinkCount = 1;
        switch (entry.Kind)
        {
            case StoreEntryKind.Directory:
                attributes.Kind = FuseFileKind.Directory;
                attributes.Permissions = options.DirectoryMode ?? entry.Mode ?? PlainDirectoryMode;
                attributes.LinkCount = Math.Max(1, entry.LinkCount);
                break;
            case StoreEntryKind.SymbolicLink:
                attributes.Kind = FuseFileKind.SymbolicLink;
                attributes.Permissions = LinkMode;
                attributes.Size = entry.Size;
                break;
            default:
                attributes.Kind = FuseFileKind.File;
                attributes.Permissions = options.FileMode ?? entry.Mode ?? PlainFileMode;
                attributes.Size = entry.Size;
                break;
        }
    }
}
