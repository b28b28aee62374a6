using System.Runtime.CompilerServices;
using MLPlatform.Client;
using MLPlatform.Datasets;
using MLPlatform.Fuse;

namespace MLPlatform.FileSystem;

/// <summary>Reading bytes: at hand, answered on the spot without a copy; else fetched and answered later.</summary>
public sealed partial class DatasetFileSystem
{
    public override void Read(in FuseRequest request, ulong handle, long offset, int count)
    {
        if (_reader.TryRead(request.Inode, offset, count, out ReadLease lease))
        {
            Answer(request, lease, offset);
            return;
        }

        if (_local is not null && _local.TryRead(request.Inode, offset, count, out ReadLease? local) is var outcome && outcome != LocalOutcome.Absent)
        {
            if (outcome == LocalOutcome.Served)
            {
                Answer(request, local!, offset);
            }
            else
            {
                ReadLocal(request, offset, count, outcome);
            }

            return;
        }

        // A method of its own, so that a hit does not pay for the closure.
        ReadLater(request, offset, count);
    }

    private void Answer(in FuseRequest request, ReadLease lease, long offset)
    {
        using (lease)
        {
            request.ReplySegments(lease.Segments, lease.Length);
            AccessLog.WriteRead(request, offset, lease.Length);
        }
    }

    /// <summary>The first read of a file, or one that waits for the disk.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ReadLocal(in FuseRequest request, long offset, int count, LocalOutcome outcome)
    {
        FileVersion? file = _tree.GetFile(request.Inode);
        if (file is null)
        {
            request.ReplyError(Errno.ESTALE);
            return;
        }

        ReadLease? lease = null;
        if (outcome == LocalOutcome.Unknown)
        {
            outcome = _local!.TryRead(file, offset, count, out lease);
        }

        if (outcome == LocalOutcome.Served)
        {
            Answer(request, lease!, offset);
        }
        else if (outcome != LocalOutcome.Later || !_local!.Post(new LocalRead(this, request, file, offset, count)))
        {
            _ = ReadSlow(request, file, offset, count);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ReadLater(in FuseRequest request, long offset, int count)
    {
        FileVersion? file = _tree.GetFile(request.Inode);
        if (file is null)
        {
            request.ReplyError(Errno.ESTALE);
            return;
        }

        _ = ReadSlow(request, file, offset, count);
    }

    private async Task ReadSlow(FuseRequest request, FileVersion file, long offset, int count)
    {
        // The reader keeps the deadline: it knows the object and the last cause.
        using FuseWait wait = request.BeginWait();
        try
        {
            Answer(request, await _reader.ReadAsync(file, offset, count, wait.Token), offset);
        }
        catch (Exception e) // The kernel waits for ever on a request without a reply.
        {
            Fail(request, request.Inode, e);
        }
    }

    /// <summary>A read of local bytes on a thread that may wait for the disk.</summary>
    private sealed class LocalRead(DatasetFileSystem owner, FuseRequest request, FileVersion file, long offset, int count) : IThreadPoolWorkItem
    {
        public void Execute()
        {
            try
            {
                if (owner._local!.Read(file, offset, count, out ReadLease? lease) == LocalOutcome.Served)
                {
                    owner.Answer(request, lease!, offset);
                    return;
                }
            }
            catch (Exception e) // The kernel waits for ever on a request without a reply, and the reader has other sources.
            {
                MountLog.LocalReadFailed(owner._logger, file.DisplayUri, e.Message, e);
            }

            _ = owner.ReadSlow(request, file, offset, count);
        }
    }
}
