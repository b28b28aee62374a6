using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MLPlatform.Lab;

/// <summary>
/// The kernel's end of a FUSE connection over a socket that keeps messages whole, so that sessions can be driven without a mount:
/// any bytes as a request, every reply to look at. Written from include/uapi/linux/fuse.h, not from our own structs. One thread at a time.
/// </summary>
public sealed partial class FakeKernel : IDisposable
{
    public const int InHeaderBytes = 40;
    public const int OutHeaderBytes = 16;

    private const int AfUnix = 1;
    private const int SockSeqPacket = 5;
    private const uint InitOpcode = 26;

    private readonly byte[] _request = new byte[256 * 1024];
    private readonly byte[] _reply = new byte[256 * 1024];
    private int _socket;
    private ulong _unique;

    /// <param name="flags">INIT flags of the lower 32 bits that this kernel offers.</param>
    public FakeKernel(uint flags = 0x7FFFFFFF, uint flags2 = 0x1FF, uint minor = 45, uint major = 7)
    {
        int[] pair = new int[2];
        if (SocketPair(AfUnix, SockSeqPacket, 0, pair) < 0)
        {
            throw new InvalidOperationException($"socketpair: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        _socket = pair[0];
        Device = new SafeFileHandle(pair[1], ownsHandle: true);
        Span<byte> init = stackalloc byte[64];
        init.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(init, major);
        BinaryPrimitives.WriteUInt32LittleEndian(init[4..], minor);
        BinaryPrimitives.WriteUInt32LittleEndian(init[8..], 128 * 1024);
        BinaryPrimitives.WriteUInt32LittleEndian(init[12..], flags);
        BinaryPrimitives.WriteUInt32LittleEndian(init[16..], flags2);
        Send(InitOpcode, 0, init);
    }

    /// <summary>What the session takes for /dev/fuse.</summary>
    public SafeFileHandle Device { get; }

    /// <summary>The unique number of the last request.</summary>
    public ulong LastUnique => _unique;

    /// <summary>Sends one request.</summary>
    public ulong Send(uint opcode, ulong inode, ReadOnlySpan<byte> body)
    {
        _unique += 2; // The lowest bit is the kernel's mark for interrupts.
        Span<byte> header = _request.AsSpan(0, InHeaderBytes);
        header.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(header, (uint)(InHeaderBytes + body.Length));
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], opcode);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], _unique);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], inode);
        body.CopyTo(_request.AsSpan(InHeaderBytes));
        SendRaw(_request.AsSpan(0, InHeaderBytes + body.Length));
        return _unique;
    }

    /// <summary>Sends any bytes.</summary>
    public unsafe void SendRaw(ReadOnlySpan<byte> message)
    {
        fixed (byte* data = message)
        {
            if (Write(_socket, data, message.Length) != message.Length)
            {
                throw new InvalidOperationException($"write: {Marshal.GetLastPInvokeErrorMessage()}");
            }
        }
    }

    /// <summary>Takes the next reply; valid until the next call.</summary>
    /// <param name="timeout">Milliseconds; past it an empty reply.</param>
    public unsafe FakeReply Receive(int timeout = 10_000)
    {
        PollFd poll = new() { Fd = _socket, Events = 1 };
        if (Poll(&poll, 1, timeout) <= 0)
        {
            return default;
        }

        fixed (byte* data = _reply)
        {
            nint length = Read(_socket, data, _reply.Length);
            return length < OutHeaderBytes ? default : new FakeReply(_reply.AsSpan(0, (int)length));
        }
    }

    /// <summary>One request and its reply.</summary>
    public FakeReply Ask(uint opcode, ulong inode, ReadOnlySpan<byte> body)
    {
        Send(opcode, inode, body);
        return Receive();
    }

    /// <summary>The connection ends, as by an unmount.</summary>
    public void Dispose()
    {
        int socket = Interlocked.Exchange(ref _socket, -1);
        if (socket >= 0)
        {
            _ = Close(socket);
        }
    }

    [LibraryImport("libc", EntryPoint = "socketpair", SetLastError = true)]
    private static partial int SocketPair(int domain, int type, int protocol, [In, Out] int[] fds);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static unsafe partial nint Read(int fd, byte* buffer, nint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static unsafe partial nint Write(int fd, byte* buffer, nint count);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static unsafe partial int Poll(PollFd* fds, ulong count, int timeout);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int fd);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollFd
    {
        public int Fd;
        public short Events;
        public short Returned;
    }
}
