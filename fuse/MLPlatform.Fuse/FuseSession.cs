using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;
using MLPlatform.Fuse.Interop;
using MLPlatform.Fuse.Kernel;

namespace MLPlatform.Fuse;

/// <summary>
/// One FUSE connection: reads requests from /dev/fuse on threads of its own, hands them to a <see cref="FuseFileSystem"/>
/// and writes the replies. Owns the device descriptor. This class and its parts are the only place that knows the kernel's
/// structs. It must not know what a dataset is.
/// </summary>
public sealed unsafe partial class FuseSession : IDisposable
{
    // FUSE_MIN_READ_BUFFER is 8 KiB, and a request's fixed part stays below one page.
    private const int RequestHeaderRoomBytes = 4096;
    private const int MinRequestBufferBytes = 8192;

    private readonly FuseFileSystem _fileSystem;
    private readonly FuseSessionOptions _options;
    private readonly ILogger _logger;
    private readonly SafeFileHandle _device;
    private readonly int _deviceFd;
    private readonly List<int> _clones = [];
    private readonly List<Thread> _threads = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _running;
    private int _disposed;

    /// <param name="device">From <see cref="FuseMount"/>; owned by the session from here on.</param>
    public FuseSession(FuseFileSystem fileSystem, SafeFileHandle device, FuseSessionOptions options, ILogger logger)
    {
        _fileSystem = fileSystem;
        _device = device;
        _options = options;
        _logger = logger;
        _deviceFd = (int)device.DangerousGetHandle();
    }

    /// <summary>Ends when the connection does: unmounted, aborted, or disposed.</summary>
    public Task Completion => _ended.Task;

    /// <summary>What the kernel granted; valid after <see cref="Start"/>.</summary>
    public FuseCapabilities Capabilities { get; private set; } = new();

    /// <summary>Requests whose answers are still to come from other threads.</summary>
    public int PendingRequests => Waits.Count;

    internal FuseBuffers DirectoryBuffers { get; } = new();

    internal FuseWaits Waits { get; } = new();

    /// <summary>Answers the kernel's INIT and starts the threads.</summary>
    /// <exception cref="CacheException"><c>DeadlineExceeded</c>: the kernel sent nothing; <c>Unsupported</c>: it speaks a protocol that we do not.</exception>
    public void Start()
    {
        Handshake();
        _running = _options.Threads;
        for (int i = 0; i < _options.Threads; i++)
        {
            int fd = i > 0 && _options.CloneDevice ? Clone() : _deviceFd;
            Thread thread = new(() => Loop(fd), 256 * 1024) { IsBackground = true, Name = $"fuse-{i}" };
            _threads.Add(thread);
            thread.Start();
        }
    }

    /// <summary>Closes the device. Without an unmount before, readers get ENOTCONN.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        Waits.InterruptAll();
        _device.Dispose();
        foreach (int clone in _clones)
        {
            Libc.close(clone);
        }

        DirectoryBuffers.Dispose();
    }

    internal void Send(int deviceFd, void* reply, int length)
    {
        if (Libc.write(deviceFd, reply, length) < 0)
        {
            ReplyFailed((OutHeader*)reply);
        }
    }

    internal void Send(int deviceFd, OutHeader* header, ReadOnlySpan<NativeSegment> segments)
    {
        NativeSegment* vector = stackalloc NativeSegment[segments.Length + 1];
        vector[0] = new NativeSegment((nint)header, sizeof(OutHeader));
        segments.CopyTo(new Span<NativeSegment>(vector + 1, segments.Length));
        if (Libc.writev(deviceFd, vector, segments.Length + 1) < 0)
        {
            ReplyFailed(header);
        }
    }

    private void ReplyFailed(OutHeader* header)
    {
        Errno errno = Libc.LastErrno;

        // ENOENT: the reader was killed meanwhile. ENODEV, EBADF: the connection has ended. Both leave nobody to answer.
        if (errno is Errno.ENOENT or Errno.ENODEV or Errno.EBADF)
        {
            return;
        }

        FuseLog.ReplyRefused(_logger, header->Unique, header->Length, errno);

        // The kernel drops a malformed reply and goes on waiting for one; an error always is well formed.
        if (header->Error == 0)
        {
            OutHeader error = new() { Length = (uint)sizeof(OutHeader), Error = -(int)Errno.EIO, Unique = header->Unique };
            Libc.write(_deviceFd, &error, sizeof(OutHeader));
        }
    }

    private void Handshake()
    {
        Libc.PollFd poll = new() { Fd = _deviceFd, Events = Libc.POLLIN };
        int ready = Libc.poll(&poll, 1, (int)_options.HandshakeTimeout.TotalMilliseconds);
        if (ready == 0)
        {
            throw new CacheException(CacheError.DeadlineExceeded, $"The kernel sent no INIT within {Duration.Format(_options.HandshakeTimeout)} of the mount.");
        }

        byte* buffer = stackalloc byte[MinRequestBufferBytes + 16];
        nint length;
        do
        {
            length = Libc.read(_deviceFd, buffer, MinRequestBufferBytes);
        }
        while (length < 0 && Libc.LastErrno is Errno.EINTR or Errno.EAGAIN);
        InHeader* header = (InHeader*)buffer;
        if (length < sizeof(InHeader) + 16 || header->Opcode != FuseOpcode.Init)
        {
            throw new CacheException(CacheError.Unsupported, $"The kernel did not begin with INIT: {(length < 0 ? Libc.Describe(Libc.LastErrno) : header->Opcode.ToString())}.");
        }

        InitIn* init = (InitIn*)(buffer + sizeof(InHeader));
        if (init->Major != InitNegotiation.Major)
        {
            throw new CacheException(CacheError.Unsupported, $"The kernel speaks FUSE {init->Major}.{init->Minor}; this program speaks {InitNegotiation.Major}.{InitNegotiation.Minor}.");
        }

        bool hasFlags2 = length >= sizeof(InHeader) + sizeof(InitIn);
        InitReply reply = default;
        reply.Header = new OutHeader { Length = (uint)sizeof(InitReply), Unique = header->Unique };
        Capabilities = InitNegotiation.Answer(*init, hasFlags2, _options, out reply.Body);
        Send(_deviceFd, &reply, sizeof(InitReply));
    }

    private int Clone()
    {
        int clone = Libc.open("/dev/fuse", Libc.O_RDWR | Libc.O_CLOEXEC);
        uint master = (uint)_deviceFd;
        if (clone < 0 || Libc.ioctl_uint(clone, Libc.FUSE_DEV_IOC_CLONE, &master) < 0)
        {
            string cause = Libc.Describe(Libc.LastErrno);
            if (clone >= 0)
            {
                Libc.close(clone);
            }

            throw new CacheException(CacheError.Unsupported, $"Cannot clone /dev/fuse: {cause}; leave out --clone-fd.");
        }

        _clones.Add(clone);
        return clone;
    }

    private void Loop(int fd)
    {
        int size = Math.Max(MinRequestBufferBytes, RequestHeaderRoomBytes + _options.MaxWriteBytes);
        byte* buffer = (byte*)NativeMemory.AlignedAlloc((nuint)size, 4096);
        try
        {
            while (true)
            {
                nint length = Libc.read(fd, buffer, size);
                if (length >= sizeof(InHeader))
                {
                    Dispatch(fd, buffer, (int)length);
                    continue;
                }

                Errno errno = length < 0 ? Libc.LastErrno : Errno.ENODEV;

                // ENOENT: the request was interrupted before we had it.
                if (errno is Errno.EINTR or Errno.EAGAIN or Errno.ENOENT)
                {
                    continue;
                }

                if (errno != Errno.ENODEV && Volatile.Read(ref _disposed) == 0)
                {
                    FuseLog.DeviceFailed(_logger, errno);
                }

                break;
            }
        }
        finally
        {
            NativeMemory.AlignedFree(buffer);
            if (Interlocked.Decrement(ref _running) == 0)
            {
                Waits.InterruptAll();
                _fileSystem.Destroyed();
                _ended.TrySetResult();
            }
        }
    }

    private struct InitReply
    {
        public OutHeader Header;
        public InitOut Body;
    }
}
