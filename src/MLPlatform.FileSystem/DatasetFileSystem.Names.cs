using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Fuse;

namespace MLPlatform.FileSystem;

/// <summary>Names and attributes.</summary>
public sealed partial class DatasetFileSystem
{
    public override void Lookup(in FuseRequest request, ReadOnlySpan<byte> name)
    {
        if (_controlTarget is not null && request.Inode == RootInode && name.SequenceEqual(s_controlName))
        {
            FillControlLink(out FuseAttributes link);
            _kernelObjects.Add();
            request.ReplyEntry(link, _tree.Validity);
            return;
        }

        TreeOutcome outcome = _tree.TryLookup(request.Inode, name, out TreeEntry entry);
        if (outcome == TreeOutcome.MustWait)
        {
            LookupLater(request, name.ToArray());
        }
        else
        {
            ReplyLookup(request, outcome, entry);
        }
    }

    public override void GetAttributes(in FuseRequest request)
    {
        if (request.Inode == ControlLinkInode)
        {
            FillControlLink(out FuseAttributes link);
            request.ReplyAttributes(link, _tree.Validity);
            return;
        }

        TreeOutcome outcome = _tree.TryGetEntry(request.Inode, out TreeEntry entry);
        if (outcome == TreeOutcome.MustWait)
        {
            GetAttributesLater(request);
        }
        else
        {
            ReplyAttributes(request, outcome, entry);
        }
    }

    public override void ReadLink(in FuseRequest request)
    {
        byte[]? target = request.Inode == ControlLinkInode ? _controlTarget : _tree.GetLinkTarget(request.Inode);
        if (target is null)
        {
            request.ReplyError(Errno.EINVAL);
        }
        else
        {
            request.ReplyBytes(target);
        }
    }

    private static Errno ErrnoOf(TreeOutcome outcome) => outcome switch
    {
        TreeOutcome.Missing => Errno.ENOENT,
        TreeOutcome.NotDirectory => Errno.ENOTDIR,
        TreeOutcome.Stale => Errno.ESTALE,
        _ => throw new ArgumentOutOfRangeException(nameof(outcome), outcome, "Not a failure."),
    };

    // Methods of their own: a closure is made where its method begins, and a warm answer must not pay for it.
    private void LookupLater(FuseRequest request, byte[] name) => _ = CompleteLater(request, token => LookupSlow(request, name, token), request.Inode);

    private void GetAttributesLater(FuseRequest request) => _ = CompleteLater(request, token => GetAttributesSlow(request, token), request.Inode);

    private async ValueTask LookupSlow(FuseRequest request, byte[] name, CancellationToken token)
    {
        TreeOutcome outcome = TreeOutcome.MustWait;
        TreeEntry entry = default;
        for (int i = 0; i < LoadAttempts && outcome == TreeOutcome.MustWait; i++)
        {
            await _tree.LoadNameAsync(request.Inode, name, token);
            outcome = _tree.TryLookup(request.Inode, name, out entry);
        }

        ReplyLookup(request, Settled(outcome), entry);
    }

    private async ValueTask GetAttributesSlow(FuseRequest request, CancellationToken token)
    {
        TreeOutcome outcome = TreeOutcome.MustWait;
        TreeEntry entry = default;
        for (int i = 0; i < LoadAttempts && outcome == TreeOutcome.MustWait; i++)
        {
            await _tree.LoadEntryAsync(request.Inode, token);
            outcome = _tree.TryGetEntry(request.Inode, out entry);
        }

        ReplyAttributes(request, Settled(outcome), entry);
    }

    /// <summary>A tree that forgets faster than it is asked must not make a reader wait for ever.</summary>
    private static TreeOutcome Settled(TreeOutcome outcome) => outcome != TreeOutcome.MustWait
        ? outcome
        : throw new CacheException(CacheError.Unreachable, "What the store says expires before it can be used; raise --metadata-ttl.");

    private void ReplyLookup(in FuseRequest request, TreeOutcome outcome, in TreeEntry entry)
    {
        switch (outcome)
        {
            case TreeOutcome.Found:
                // Before the reply: the kernel may forget the reference as soon as it has it.
                _tree.AddReference(entry.Inode);
                _kernelObjects.Add();
                _view.Fill(entry, out FuseAttributes attributes);
                request.ReplyEntry(attributes, _tree.Validity);
                break;
            case TreeOutcome.Missing:
                request.ReplyMissing(_tree.Validity);
                break;
            default:
                request.ReplyError(ErrnoOf(outcome));
                break;
        }

        AccessLog.Write(request, outcome == TreeOutcome.Found ? Errno.None : Errno.ENOENT);
    }

    private void ReplyAttributes(in FuseRequest request, TreeOutcome outcome, in TreeEntry entry)
    {
        if (outcome == TreeOutcome.Found)
        {
            _view.Fill(entry, out FuseAttributes attributes);
            request.ReplyAttributes(attributes, _tree.Validity);
        }
        else
        {
            request.ReplyError(ErrnoOf(outcome));
        }
    }

    private void FillControlLink(out FuseAttributes attributes) => attributes = new FuseAttributes
    {
        Inode = ControlLinkInode,
        Kind = FuseFileKind.SymbolicLink,
        Permissions = 0x1FF,
        LinkCount = 1,
        Size = _controlTarget!.Length,
        Uid = _options.DefaultUid,
        Gid = _options.DefaultGid,
    };
}
