using System.Runtime.CompilerServices;
using MLPlatform.Core;
using MLPlatform.Fuse.Kernel;

namespace MLPlatform.Fuse;

/// <summary>
/// One request of the kernel and the way to answer it. A small value: copy it to answer later. Each request is answered once; every
/// reply is one write(2), made on the calling thread.
/// </summary>
public readonly unsafe struct FuseRequest
{
    private readonly FuseSession _session;
    private readonly int _deviceFd; // The kernel finds a request only through the descriptor it was read from.

    internal FuseRequest(FuseSession session, int deviceFd, in InHeader header)
    {
        _session = session;
        _deviceFd = deviceFd;
        Unique = header.Unique;
        Inode = header.NodeId;
        Opcode = header.Opcode;
        Uid = header.Uid;
        Gid = header.Gid;
        Pid = header.Pid;
    }

    /// <summary>The kernel's number for this request. After a crash bit 63 marks it as sent again; replies carry it unchanged.</summary>
    public ulong Unique { get; }

    public ulong Inode { get; }

    public uint Uid { get; }

    public uint Gid { get; }

    public uint Pid { get; }

    /// <summary>The operation's name in the kernel's words and lower case, for logs.</summary>
    public string OperationName => FuseSession.NameOf(Opcode);

    internal FuseOpcode Opcode { get; }

    public void ReplyError(Errno errno)
    {
        OutHeader header = new() { Length = (uint)sizeof(OutHeader), Error = -(int)errno, Unique = Unique };
        _session.Send(_deviceFd, &header, sizeof(OutHeader));
    }

    public void ReplyError(Exception exception) => ReplyError(ErrnoMap.From(exception));

    public void ReplyOk() => ReplyError(Errno.None);

    /// <param name="attributes">Their inode number becomes the node id.</param>
    /// <param name="validity">How long the kernel may believe name and attributes without asking.</param>
    public void ReplyEntry(in FuseAttributes attributes, TimeSpan validity)
    {
        EntryReply reply = default;
        Abi.Fill(ref reply.Entry, attributes, validity);
        Send(ref reply.Header, &reply, sizeof(EntryReply));
    }

    /// <summary>The name does not exist, which the kernel may remember for a while; zero: it must ask again.</summary>
    public void ReplyMissing(TimeSpan validity)
    {
        if (validity <= TimeSpan.Zero)
        {
            ReplyError(Errno.ENOENT);
            return;
        }

        EntryReply reply = default; // Node id 0 with a validity is a cached negative entry.
        Abi.Split(validity, out reply.Entry.EntryValid, out reply.Entry.EntryValidNanoseconds);
        Send(ref reply.Header, &reply, sizeof(EntryReply));
    }

    public void ReplyAttributes(in FuseAttributes attributes, TimeSpan validity)
    {
        AttrReply reply = default;
        Abi.Split(validity, out reply.Body.AttrValid, out reply.Body.AttrValidNanoseconds);
        Abi.Fill(ref reply.Body.Attr, attributes);
        Send(ref reply.Header, &reply, sizeof(AttrReply));
    }

    /// <param name="handle">Comes back with every request on this open. Zero or something derivable survives a crash of the server.</param>
    /// <param name="backingId">From <see cref="FuseSession.OpenBacking"/>, with <see cref="FuseOpenFlags.Passthrough"/> only.</param>
    public void ReplyOpen(ulong handle, FuseOpenFlags flags, int backingId = 0)
    {
        OpenReply reply = default;
        reply.Body = new OpenOut { Handle = handle, OpenFlags = (uint)flags, BackingId = backingId };
        Send(ref reply.Header, &reply, sizeof(OpenReply));
    }

    public void ReplyStatFs(in FuseStatFs value)
    {
        StatFsReply reply = default;
        reply.Body.Blocks = value.Blocks;
        reply.Body.BlocksFree = value.BlocksFree;
        reply.Body.BlocksAvailable = value.BlocksFree;
        reply.Body.Files = value.Files;
        reply.Body.BlockSize = value.BlockSize;
        reply.Body.FragmentSize = value.BlockSize;
        reply.Body.NameLength = 255;
        Send(ref reply.Header, &reply, sizeof(StatFsReply));
    }

    public void ReplyWritten(int count)
    {
        WriteReply reply = default;
        reply.Body.Size = (uint)count;
        Send(ref reply.Header, &reply, sizeof(WriteReply));
    }

    public void ReplyBytes(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* data = bytes)
        {
            NativeSegment segment = new((nint)data, bytes.Length);
            ReplySegments(new ReadOnlySpan<NativeSegment>(in segment), bytes.Length);
        }
    }

    /// <summary>Answers a read straight from native memory, without a copy of ours.</summary>
    /// <param name="length">The sum of the segments' lengths.</param>
    public void ReplySegments(ReadOnlySpan<NativeSegment> segments, int length)
    {
        OutHeader header = new() { Length = (uint)(sizeof(OutHeader) + length), Unique = Unique };
        _session.Send(_deviceFd, &header, segments);
    }

    /// <summary>Follows getxattr(2): a size of 0 asks for the length, too small a size is ERANGE.</summary>
    public void ReplyXAttr(ReadOnlySpan<byte> value, int size)
    {
        if (size == 0)
        {
            XAttrSizeReply reply = default;
            reply.Body.Size = (uint)value.Length;
            Send(ref reply.Header, &reply, sizeof(XAttrSizeReply));
        }
        else if (value.Length > size)
        {
            ReplyError(Errno.ERANGE);
        }
        else
        {
            ReplyBytes(value);
        }
    }

    /// <summary>A reply of at most <paramref name="count"/> bytes to be filled with entries; it must be sent or disposed.</summary>
    public FuseDirectoryReply BeginDirectory(int count, bool plus) => new(this, _session.DirectoryBuffers, count, plus);

    /// <summary>Declares that this request's answer takes a while, so that an interrupted reader gets it cancelled. Dispose it before or after the reply.</summary>
    public FuseWait BeginWait() => _session.Waits.Begin(Unique);

    internal void SendBuffer(byte* buffer, int payloadLength)
    {
        OutHeader* header = (OutHeader*)buffer;
        *header = new OutHeader { Length = (uint)(sizeof(OutHeader) + payloadLength), Unique = Unique };
        _session.Send(_deviceFd, buffer, (int)header->Length);
    }

    internal void ReplyOffset(ulong offset)
    {
        LSeekReply reply = default;
        reply.Body.Offset = offset;
        Send(ref reply.Header, &reply, sizeof(LSeekReply));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Send(ref OutHeader header, void* reply, int length)
    {
        header = new OutHeader { Length = (uint)length, Unique = Unique };
        _session.Send(_deviceFd, reply, length);
    }

    private struct EntryReply
    {
        public OutHeader Header;
        public EntryOut Entry;
    }

    private struct AttrReply
    {
        public OutHeader Header;
        public AttrOut Body;
    }

    private struct OpenReply
    {
        public OutHeader Header;
        public OpenOut Body;
    }

    private struct StatFsReply
    {
        public OutHeader Header;
        public StatFsOut Body;
    }

    private struct WriteReply
    {
        public OutHeader Header;
        public WriteOut Body;
    }

    private struct XAttrSizeReply
    {
        public OutHeader Header;
        public GetXAttrOut Body;
    }

    private struct LSeekReply
    {
        public OutHeader Header;
        public LSeekOut Body;
    }
}
