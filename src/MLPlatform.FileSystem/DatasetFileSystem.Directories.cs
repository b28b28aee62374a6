using MLPlatform.Datasets;
using MLPlatform.Fuse;

namespace MLPlatform.FileSystem;

/// <summary>Listing directories. Of a pinned tree the kernel caches what it read, and opens of directories never reach us.</summary>
public sealed partial class DatasetFileSystem
{
    // Offsets: 0 is ".", 1 is "..", and a tree's cookie c is c + 2.
    private const ulong FirstTreeOffset = 2;

    public override void OpenDirectory(in FuseRequest request)
    {
        if (_directoriesStandStill)
        {
            request.ReplyError(Errno.ENOSYS);
            return;
        }

        // The kernel takes a directory's cached names for good while its mtime stays, and on S3 that stays whatever happens:
        // it must ask again at each opening, until the tree is pinned.
        bool isPinned = _tree.Status.Mode == TreeMode.Pinned;
        request.ReplyOpen(0, isPinned ? FuseOpenFlags.CacheDirectory | FuseOpenFlags.KeepCache : FuseOpenFlags.None);
    }

    public override void ReadDirectory(in FuseRequest request, ulong cookie, int count, bool plus)
    {
        if (TryReadDirectory(request, cookie, count, plus, out TreeOutcome outcome))
        {
            return;
        }

        if (outcome != TreeOutcome.MustWait)
        {
            request.ReplyError(ErrnoOf(outcome));
            return;
        }

        ReadDirectoryLater(request, cookie, count, plus);
    }

    private void ReadDirectoryLater(FuseRequest request, ulong cookie, int count, bool plus) =>
        _ = CompleteLater(request, token => ReadDirectorySlow(request, cookie, count, plus, token), request.Inode);

    private async ValueTask ReadDirectorySlow(FuseRequest request, ulong cookie, int count, bool plus, CancellationToken token)
    {
        TreeOutcome outcome = TreeOutcome.MustWait;
        for (int i = 0; i < LoadAttempts && outcome == TreeOutcome.MustWait; i++)
        {
            await _tree.LoadDirectoryAsync(request.Inode, token);
            if (TryReadDirectory(request, cookie, count, plus, out outcome))
            {
                return;
            }
        }

        request.ReplyError(ErrnoOf(Settled(outcome)));
    }

    /// <returns>True when the reply is sent.</returns>
    private bool TryReadDirectory(in FuseRequest request, ulong cookie, int count, bool plus, out TreeOutcome outcome)
    {
        DirectorySink sink = new(this, request, count, plus);
        try
        {
            if (cookie < FirstTreeOffset)
            {
                sink.AddDots(request.Inode, cookie);
            }

            outcome = _tree.TryReadDirectory(request.Inode, Math.Max(cookie, FirstTreeOffset) - FirstTreeOffset, ref sink);
            if (outcome == TreeOutcome.Found)
            {
                sink.Send();
            }

            return outcome == TreeOutcome.Found;
        }
        finally
        {
            sink.Dispose();
        }
    }

    /// <summary>Puts a tree's entries into one reply.</summary>
    private ref struct DirectorySink : IDirectorySink
    {
        private readonly DatasetFileSystem _owner;
        private readonly bool _plus;
        private readonly TimeSpan _validity;
        private FuseDirectoryReply _reply;

        public DirectorySink(DatasetFileSystem owner, in FuseRequest request, int count, bool plus)
        {
            _owner = owner;
            _plus = plus;
            _validity = owner._tree.Validity;
            _reply = request.BeginDirectory(count, plus);
        }

        public bool TryAdd(scoped ReadOnlySpan<byte> name, scoped in TreeEntry entry, ulong nextCookie)
        {
            _owner._view.Fill(entry, out FuseAttributes attributes);
            bool remember = _plus && _owner._kernelObjects.HasRoom;

            // Before the reply leaves: the kernel may forget a reference as soon as it has it.
            if (remember)
            {
                _owner._tree.AddReference(entry.Inode);
            }

            if (_reply.TryAdd(name, attributes, _validity, nextCookie + FirstTreeOffset, remember))
            {
                if (remember)
                {
                    _owner._kernelObjects.Add();
                }

                return true;
            }

            if (remember)
            {
                _owner._tree.DropReferences(entry.Inode, 1);
            }

            return false;
        }

        public void AddDots(ulong directory, ulong from)
        {
            // The kernel resolves both by itself; only the type matters, and attributes would count as look-ups.
            FuseAttributes dot = new() { Inode = directory, Kind = FuseFileKind.Directory };
            if (from == 0)
            {
                _reply.TryAdd("."u8, dot, TimeSpan.Zero, 1, remember: false);
            }

            _reply.TryAdd(".."u8, dot, TimeSpan.Zero, FirstTreeOffset, remember: false);
        }

        public void Send() => _reply.Send();

        public void Dispose() => _reply.Dispose();
    }
}
