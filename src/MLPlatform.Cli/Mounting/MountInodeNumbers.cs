using MLPlatform.Datasets;

namespace MLPlatform.Cli.Mounting;

/// <summary>Numbers for a mount without manifests: nobody remembers them longer than the mount lasts.</summary>
internal sealed class MountInodeNumbers : IInodeNumbers
{
    private ulong _last = LiveTree.RootInode;

    public ulong Take() => Interlocked.Increment(ref _last);
}
