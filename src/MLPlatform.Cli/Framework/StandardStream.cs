using MLPlatform.Cli.Mounting;

namespace MLPlatform.Cli.Framework;

/// <summary>
/// Writes to stdout or stderr by write(2) and nothing else. The runtime's console streams take a terminal over (escape sequences, its
/// description, its settings), and a FileStream keeps an offset of its own, which overwrites what others append to the same file.
/// A reader that has gone away is no error: <c>mlp … | head</c> ends quietly.
/// </summary>
internal sealed unsafe class StandardStream(int descriptor) : Stream
{
    public static StandardStream Output { get; } = new(1);

    public static StandardStream Error { get; } = new(2);

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <exception cref="IOException">A full disk, or a closed descriptor.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            for (int done = 0; done < buffer.Length;)
            {
                nint written = NativeMethods.write(descriptor, start + done, (nuint)(buffer.Length - done));
                if (written >= 0)
                {
                    done += (int)written;
                    continue;
                }

                switch (NativeMethods.LastErrno)
                {
                    case NativeMethods.EINTR:
                        break;
                    case NativeMethods.EPIPE:
                        return;
                    case NativeMethods.EAGAIN:
                        // Somebody made the terminal non-blocking, as ssh and node do.
                        NativeMethods.PollDescriptor poll = new() { Descriptor = descriptor, Events = NativeMethods.POLLOUT };
                        _ = NativeMethods.poll(&poll, 1, 1000);
                        break;
                    case int errno:
                        throw new IOException($"Cannot write to {(descriptor == 1 ? "stdout" : "stderr")}: {NativeMethods.Describe(errno)}.");
                }
            }
        }
    }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
