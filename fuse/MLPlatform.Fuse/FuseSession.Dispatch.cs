using MLPlatform.Fuse.Kernel;

namespace MLPlatform.Fuse;

/// <summary>From opcode to method.</summary>
public sealed unsafe partial class FuseSession
{
    private const int OpcodeCount = 64;


    private static readonly string[] s_names = [.. Enumerable.Range(0, OpcodeCount).Select(i => ((FuseOpcode)i).ToString().ToLowerInvariant())];

    private readonly long[] _requests = new long[OpcodeCount];

    /// <summary>Requests so far by operation, those that came at all.</summary>
    public IEnumerable<KeyValuePair<string, long>> RequestCounts()
    {
        for (int i = 0; i < OpcodeCount; i++)
        {
            long count = Volatile.Read(ref _requests[i]);
            if (count > 0)
            {
                yield return new KeyValuePair<string, long>(s_names[i], count);
            }
        }
    }

    internal static string NameOf(FuseOpcode opcode) => (uint)opcode < OpcodeCount ? s_names[(int)opcode] : "unknown";

    /// <summary>The bytes up to the first NUL.</summary>
    private static ReadOnlySpan<byte> Name(byte* body, byte* end)
    {
        ReadOnlySpan<byte> rest = new(body, (int)(end - body));
        int nul = rest.IndexOf((byte)0);
        return nul < 0 ? rest : rest[..nul];
    }

    private void Dispatch(int fd, byte* buffer, int length)
    {
        InHeader* header = (InHeader*)buffer;
        byte* body = buffer + sizeof(InHeader);
        byte* end = buffer + length;
        uint opcode = (uint)header->Opcode;
        if (opcode < OpcodeCount)
        {
            Interlocked.Increment(ref _requests[opcode]);
        }

        FuseRequest request = new(this, fd, *header);
        try
        {
            if (length < header->Length || end - body < MinimumBody(header->Opcode))
            {
                FuseLog.ShortRequest(_logger, request.OperationName, length);
                request.ReplyError(Errno.EIO);
                return;
            }

            Dispatch(request, body, end);
        }
        catch (Exception e) // The kernel waits for ever on a request without a reply, so even a bug gets one.
        {
            FuseLog.RequestFailed(_logger, request.OperationName, request.Inode, e.Message, e is Core.CacheException ? null : e);
            if (header->Opcode is not (FuseOpcode.Forget or FuseOpcode.BatchForget or FuseOpcode.Interrupt))
            {
                request.ReplyError(e);
            }
        }
    }

    private static int MinimumBody(FuseOpcode opcode) => opcode switch
    {
        FuseOpcode.Lookup => 1,
        FuseOpcode.Forget or FuseOpcode.Interrupt => sizeof(ulong),
        FuseOpcode.BatchForget => sizeof(BatchForgetIn),
        FuseOpcode.Open or FuseOpcode.OpenDir => sizeof(OpenIn),
        FuseOpcode.Read or FuseOpcode.ReadDir or FuseOpcode.ReadDirPlus => sizeof(ReadIn),
        FuseOpcode.Write => sizeof(WriteIn),
        FuseOpcode.Release or FuseOpcode.ReleaseDir => sizeof(ReleaseIn),
        FuseOpcode.GetXAttr => sizeof(GetXAttrIn) + 1,
        FuseOpcode.ListXAttr => sizeof(GetXAttrIn),
        FuseOpcode.LSeek => sizeof(LSeekIn),
        _ => 0,
    };

    private void Dispatch(in FuseRequest request, byte* body, byte* end)
    {
        switch (request.Opcode)
        {
            case FuseOpcode.Lookup:
                _fileSystem.Lookup(request, Name(body, end));
                break;
            case FuseOpcode.Forget:
                _fileSystem.Forget(request.Inode, *(ulong*)body);
                break;
            case FuseOpcode.BatchForget:
                BatchForget(body, end);
                break;
            case FuseOpcode.GetAttr:
                _fileSystem.GetAttributes(request);
                break;
            case FuseOpcode.Read:
                ReadIn* read = (ReadIn*)body;
                _fileSystem.Read(request, read->Handle, (long)read->Offset, (int)read->Size);
                break;
            case FuseOpcode.Open:
                _fileSystem.Open(request, (int)((OpenIn*)body)->Flags);
                break;
            case FuseOpcode.Release:
                _fileSystem.Release(request, ((ReleaseIn*)body)->Handle);
                break;
            case FuseOpcode.OpenDir:
                _fileSystem.OpenDirectory(request);
                break;
            case FuseOpcode.ReadDir:
            case FuseOpcode.ReadDirPlus:
                ReadIn* list = (ReadIn*)body;
                _fileSystem.ReadDirectory(request, list->Offset, (int)list->Size, request.Opcode == FuseOpcode.ReadDirPlus);
                break;
            case FuseOpcode.ReleaseDir:
                _fileSystem.ReleaseDirectory(request);
                break;
            case FuseOpcode.ReadLink:
                _fileSystem.ReadLink(request);
                break;
            case FuseOpcode.StatFs:
                _fileSystem.StatFs(request);
                break;
            case FuseOpcode.GetXAttr:
                _fileSystem.GetXAttr(request, Name(body + sizeof(GetXAttrIn), end), (int)((GetXAttrIn*)body)->Size);
                break;
            case FuseOpcode.ListXAttr:
                _fileSystem.ListXAttr(request, (int)((GetXAttrIn*)body)->Size);
                break;
            case FuseOpcode.Interrupt:
                Interrupt(request, *(ulong*)body);
                break;
            case FuseOpcode.Write:
                WriteIn* write = (WriteIn*)body;
                int count = (int)Math.Min(write->Size, (ulong)(end - body - sizeof(WriteIn)));
                _fileSystem.Write(request, write->Handle, (long)write->Offset, new ReadOnlySpan<byte>(body + sizeof(WriteIn), count));
                break;
            case FuseOpcode.SetAttr:
                _fileSystem.SetAttributes(request);
                break;
            case FuseOpcode.Destroy:
                request.ReplyOk();
                break;
            case FuseOpcode.SymLink or FuseOpcode.MkNod or FuseOpcode.MkDir or FuseOpcode.Unlink or FuseOpcode.RmDir or FuseOpcode.Rename
                or FuseOpcode.Rename2 or FuseOpcode.Link or FuseOpcode.Create or FuseOpcode.TmpFile or FuseOpcode.SetXAttr
                or FuseOpcode.RemoveXAttr or FuseOpcode.FAllocate or FuseOpcode.CopyFileRange:
                request.ReplyError(Errno.EROFS);
                break;
            default: // FLUSH, FSYNC, ACCESS, LSEEK, STATX, IOCTL, POLL, locks: the kernel remembers ENOSYS and does its own default.
                request.ReplyError(Errno.ENOSYS);
                break;
        }
    }

    private void BatchForget(byte* body, byte* end)
    {
        uint count = ((BatchForgetIn*)body)->Count;
        ForgetOne* one = (ForgetOne*)(body + sizeof(BatchForgetIn));
        for (uint i = 0; i < count && (byte*)(one + 1) <= end; i++, one++)
        {
            _fileSystem.Forget(one->NodeId, one->Count);
        }
    }

    private void Interrupt(in FuseRequest request, ulong unique)
    {
        if (!Waits.TryInterrupt(unique))
        {
            // Answered already, or about to wait on another thread: EAGAIN makes the kernel ask again if it still cares.
            request.ReplyError(Errno.EAGAIN);
        }
    }
}
