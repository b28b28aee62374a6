using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;

namespace MLPlatform.Protocol;

/// <summary>sendmsg(2) and recvmsg(2) with file descriptors, which .NET's sockets do not do. Never waits; errors are <see cref="SocketException"/> with errno.</summary>
internal static unsafe class UnixMessages
{
    /// <summary>Receives bytes, and descriptors that came with the last of them.</summary>
    /// <param name="isCut">Not all descriptors fitted; the kernel has closed the others.</param>
    /// <returns>Bytes; 0 at the end; -1: nothing is there.</returns>
    public static int Receive(int socket, Span<byte> destination, out SafeFileHandle[] descriptors, out bool isCut)
    {
        int space = ProtocolLibc.ControlSpace(UnixFrameTransport.MaxDescriptors);
        byte* control = stackalloc byte[space];
        descriptors = [];
        isCut = false;
        fixed (byte* p = destination)
        {
            NativeSegment segment = new((nint)p, destination.Length);
            while (true)
            {
                ProtocolLibc.MessageHeader message = new() { Segments = &segment, SegmentCount = 1, Control = control, ControlLength = (nuint)space };
                nint got = ProtocolLibc.ReceiveMessage(socket, &message, ProtocolLibc.MSG_DONTWAIT | ProtocolLibc.MSG_CMSG_CLOEXEC);
                if (got >= 0)
                {
                    descriptors = DescriptorsIn(control, (int)message.ControlLength);
                    isCut = (message.Flags & ProtocolLibc.MSG_CTRUNC) != 0;
                    return (int)got;
                }

                int errno = Marshal.GetLastPInvokeError();
                if (errno == ProtocolLibc.EAGAIN)
                {
                    return -1;
                }

                if (errno != ProtocolLibc.EINTR)
                {
                    throw new SocketException(errno);
                }
            }
        }
    }

    /// <returns>Bytes sent, at least one, and the descriptors with them; -1: there is no room now.</returns>
    public static int Send(int socket, ReadOnlySpan<byte> bytes, ReadOnlySpan<SafeFileHandle> descriptors)
    {
        int space = ProtocolLibc.ControlSpace(descriptors.Length);
        byte* control = stackalloc byte[space];
        new Span<byte>(control, space).Clear();
        *(long*)control = ProtocolLibc.ControlHeaderBytes + (descriptors.Length * sizeof(int));
        *(int*)(control + 8) = ProtocolLibc.SOL_SOCKET;
        *(int*)(control + 12) = ProtocolLibc.SCM_RIGHTS;
        for (int i = 0; i < descriptors.Length; i++)
        {
            ((int*)(control + ProtocolLibc.ControlHeaderBytes))[i] = (int)descriptors[i].DangerousGetHandle();
        }

        fixed (byte* p = bytes)
        {
            NativeSegment segment = new((nint)p, bytes.Length);
            ProtocolLibc.MessageHeader message = new() { Segments = &segment, SegmentCount = 1, Control = control, ControlLength = (nuint)space };
            while (true)
            {
                nint sent = ProtocolLibc.SendMessage(socket, &message, ProtocolLibc.MSG_DONTWAIT | ProtocolLibc.MSG_NOSIGNAL);
                if (sent >= 0)
                {
                    return (int)sent;
                }

                int errno = Marshal.GetLastPInvokeError();
                if (errno == ProtocolLibc.EAGAIN)
                {
                    return -1;
                }

                if (errno != ProtocolLibc.EINTR)
                {
                    throw new SocketException(errno);
                }
            }
        }
    }

    /// <summary>Blocks until the socket takes bytes, or for so long.</summary>
    public static void WaitForRoom(int socket, TimeSpan longest)
    {
        ProtocolLibc.PollRequest request = new() { Descriptor = socket, Events = ProtocolLibc.POLLOUT };
        _ = ProtocolLibc.Poll(&request, 1, (int)longest.TotalMilliseconds);
    }

    private static SafeFileHandle[] DescriptorsIn(byte* control, int length)
    {
        List<SafeFileHandle>? descriptors = null;
        int at = 0;
        while (at + ProtocolLibc.ControlHeaderBytes <= length)
        {
            long bytes = *(long*)(control + at);
            if (bytes < ProtocolLibc.ControlHeaderBytes || bytes > length - at)
            {
                break;
            }

            if (*(int*)(control + at + 8) == ProtocolLibc.SOL_SOCKET && *(int*)(control + at + 12) == ProtocolLibc.SCM_RIGHTS)
            {
                for (int i = ProtocolLibc.ControlHeaderBytes; i + sizeof(int) <= bytes; i += sizeof(int))
                {
                    (descriptors ??= []).Add(new SafeFileHandle(*(int*)(control + at + i), ownsHandle: true));
                }
            }

            at += (int)((bytes + 7) & ~7);
        }

        return descriptors is null ? [] : [.. descriptors];
    }
}
