using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;

namespace MLPlatform.Protocol;

/// <summary>
/// A connected Unix stream socket as two pipes. Descriptors travel as SCM_RIGHTS of the sendmsg(2) whose first byte is their frame's first byte. Two loops of
/// its own move the bytes; whoever uses it sees only the pipes.
/// </summary>
public sealed class UnixFrameTransport : IFrameTransport
{
    // What may lie in one pipe before its writer waits, beside the frame that is just being written.
    private const int PauseBytes = 1 << 20;
    private const int PieceBytes = 64 << 10;

    /// <summary>Most descriptors of one frame.</summary>
    public const int MaxDescriptors = 8;

    private static readonly TimeSpan s_farewell = TimeSpan.FromMilliseconds(200);

    private static readonly TimeSpan s_roomSlice = TimeSpan.FromMilliseconds(100);

    private static readonly PipeOptions s_pipe = new(pauseWriterThreshold: PauseBytes, resumeWriterThreshold: PauseBytes / 2, minimumSegmentSize: PieceBytes, useSynchronizationContext: false);

    private readonly Socket _socket;
    private readonly Pipe _input = new(s_pipe);
    private readonly Pipe _output = new(s_pipe);
    private readonly ReceivedDescriptors _received = new();
    private readonly Queue<(long Position, SafeFileHandle[] Descriptors)> _toSend = new();
    private readonly CancellationTokenSource _closing = new();
    private readonly Task _receiving;
    private readonly Task _sending;
    private int _isDisposed;

    private UnixFrameTransport(Socket socket, int peerProcess)
    {
        _socket = socket;
        Peer = $"process {peerProcess}";
        _receiving = Task.Run(ReceiveLoopAsync);
        _sending = Task.Run(SendLoopAsync);
    }

    public PipeReader Input => _input.Reader;

    public PipeWriter Output => _output.Writer;

    public string Peer { get; }

    /// <param name="socket">Connected; owned from now on, also when this fails.</param>
    /// <exception cref="CacheException"><c>AccessDenied</c>: the other side is of another user.</exception>
    public static UnixFrameTransport Over(Socket socket)
    {
        try
        {
            Span<int> credentials = stackalloc int[3];
            socket.GetRawSocketOption(ProtocolLibc.SOL_SOCKET, ProtocolLibc.SO_PEERCRED, MemoryMarshal.AsBytes(credentials));
            if ((uint)credentials[1] != ProtocolLibc.EffectiveUser())
            {
                throw new CacheException(CacheError.AccessDenied, $"Process {credentials[0]} belongs to user {(uint)credentials[1]}, and only this user's own processes may talk to each other.");
            }

            socket.Blocking = false;
            return new UnixFrameTransport(socket, credentials[0]);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <exception cref="CacheException"><c>Unreachable</c>: nobody listens there; <c>AccessDenied</c>: somebody of another user does.</exception>
    public static async Task<UnixFrameTransport> ConnectAsync(string path, CancellationToken cancellationToken)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            using UnixSocketAddress address = UnixSocketAddress.Of(path);
            await socket.ConnectAsync(address.EndPoint, cancellationToken);
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            socket.Dispose();
            throw new CacheException(CacheError.Unreachable, $"Nobody answers at {path}: {e.Message}", e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        return Over(socket);
    }

    public void Attach(long position, ReadOnlySpan<SafeFileHandle> descriptors)
    {
        Invariant.That(descriptors.Length <= MaxDescriptors);
        SafeFileHandle[] copies = new SafeFileHandle[descriptors.Length];
        for (int i = 0; i < descriptors.Length; i++)
        {
            int copy = ProtocolLibc.Fcntl((int)descriptors[i].DangerousGetHandle(), ProtocolLibc.F_DUPFD_CLOEXEC, 3);
            GC.KeepAlive(descriptors[i]);
            if (copy < 0)
            {
                string reason = Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());
                Close(copies.AsSpan(0, i));
                throw new CacheException(CacheError.Busy, $"A file descriptor cannot be duplicated: {reason}.");
            }

            copies[i] = new SafeFileHandle(copy, ownsHandle: true);
        }

        lock (_toSend)
        {
            if (_isDisposed != 0)
            {
                Close(copies);
                return;
            }

            _toSend.Enqueue((position, copies));
        }
    }

    public bool TryTake(long position, int count, out SafeFileHandle[] descriptors) => _received.TryTake(position, count, out descriptors);

    public async ValueTask DisposeAsync()
    {
        lock (_toSend)
        {
            if (_isDisposed != 0)
            {
                return;
            }

            _isDisposed = 1;
        }

        // What was flushed should still leave, so that a refusal says why; a peer that does not read does not hold us up.
        _output.Reader.CancelPendingRead();
        try
        {
            await _sending.WaitAsync(s_farewell);
        }
        catch (TimeoutException)
        {
            // It had its time.
        }

        await _closing.CancelAsync();
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (SocketException)
        {
            // The other side was faster.
        }

        await Task.WhenAll(_receiving, _sending);
        _socket.Dispose();
        _received.Dispose();
        lock (_toSend)
        {
            while (_toSend.TryDequeue(out (long Position, SafeFileHandle[] Descriptors) left))
            {
                Close(left.Descriptors);
            }
        }

        _closing.Dispose();
    }

    private async Task ReceiveLoopAsync()
    {
        PipeWriter writer = _input.Writer;
        long position = 0;
        try
        {
            while (!_closing.IsCancellationRequested)
            {
                int got = Receive(writer.GetMemory(PieceBytes), ref position);
                if (got == 0)
                {
                    break;
                }

                if (got < 0)
                {
                    // A receive of nothing ends when something is there.
                    await _socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None, _closing.Token);
                    continue;
                }

                writer.Advance(got);
                if (!_received.Room.IsCompleted)
                {
                    await writer.FlushAsync(_closing.Token);
                    await _received.Room.WaitAsync(_closing.Token);
                }

                FlushResult result = await writer.FlushAsync(_closing.Token);
                if (result.IsCompleted)
                {
                    break;
                }
            }
        }
        catch (Exception) // Whatever it is, the stream has ended; to the reader of frames every end is the same.
        {
        }
        finally
        {
            await writer.CompleteAsync();
        }
    }

    private async Task SendLoopAsync()
    {
        PipeReader reader = _output.Reader;
        long position = 0;
        try
        {
            bool isLast = false;
            while (!isLast)
            {
                ReadResult result = await reader.ReadAsync(_closing.Token);
                isLast = result.IsCompleted || result.IsCanceled;
                foreach (ReadOnlyMemory<byte> piece in result.Buffer)
                {
                    for (int sent = 0; sent < piece.Length;)
                    {
                        int length = await SendAsync(piece[sent..], position);
                        position += length;
                        sent += length;
                    }
                }

                reader.AdvanceTo(result.Buffer.End);
            }
        }
        catch (Exception) // As above.
        {
        }
        finally
        {
            await reader.CompleteAsync();
        }
    }

    /// <summary>Sends from a position on, never across one that descriptors go with.</summary>
    private async ValueTask<int> SendAsync(ReadOnlyMemory<byte> bytes, long position)
    {
        (long Position, SafeFileHandle[] Descriptors) next;
        lock (_toSend)
        {
            if (!_toSend.TryPeek(out next))
            {
                next = (long.MaxValue, []);
            }
        }

        if (next.Position != position)
        {
            int length = (int)Math.Min(bytes.Length, next.Position - position);
            return await _socket.SendAsync(bytes[..length], SocketFlags.None, _closing.Token);
        }

        // No further than the frame's header: the frame behind may have descriptors of its own.
        ReadOnlyMemory<byte> header = bytes[..Math.Min(bytes.Length, FrameHeader.Bytes)];
        int sent;
        while ((sent = UnixMessages.Send((int)_socket.Handle, header.Span, next.Descriptors)) < 0)
        {
            // A socket cannot be awaited for room without sending; this happens only when a descriptor meets a full one.
            await Task.Run(() => UnixMessages.WaitForRoom((int)_socket.Handle, s_roomSlice), _closing.Token);
            _closing.Token.ThrowIfCancellationRequested();
        }

        lock (_toSend)
        {
            if (_toSend.TryPeek(out (long Position, SafeFileHandle[] Descriptors) first) && first.Position == position)
            {
                _toSend.Dequeue();
                Close(first.Descriptors);
            }
        }

        return sent;
    }

    /// <returns>Bytes; 0 at the end; -1: nothing is there.</returns>
    private int Receive(Memory<byte> destination, ref long position)
    {
        int got = UnixMessages.Receive((int)_socket.Handle, destination.Span, out SafeFileHandle[] descriptors, out bool isCut);
        if (descriptors.Length > 0)
        {
            _received.Add(position, position + got, descriptors);
        }

        // A frame whose descriptors are missing is of no use.
        if (isCut)
        {
            throw new IOException("More descriptors came with one frame than are taken.");
        }

        position += Math.Max(0, got);
        return got;
    }

    private static void Close(ReadOnlySpan<SafeFileHandle> descriptors)
    {
        foreach (SafeFileHandle descriptor in descriptors)
        {
            descriptor.Dispose();
        }
    }
}
