using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>One immutable version of one file: enough to read its bytes. The inode number stands for (path, identity) and is never reused in a dataset's life.</summary>
public sealed record FileVersion(ulong Inode, IUnderStore Store, StoreObject Object)
{
    /// <summary>URI of the object for messages.</summary>
    public string DisplayUri => Object.Path.Length == 0 ? Store.Uri : $"{Store.Uri}/{Object.DisplayPath}";
}
