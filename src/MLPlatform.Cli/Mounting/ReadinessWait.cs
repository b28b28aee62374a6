using System.Globalization;
using System.Text;

namespace MLPlatform.Cli.Mounting;

/// <summary>The parent's side of the readiness pipe.</summary>
internal sealed unsafe class ReadinessWait(int descriptor)
{
    private readonly List<byte> _pending = [];
    private readonly byte[] _buffer = new byte[4096];

    public int ExitCode { get; private set; }

    public string Sentence { get; private set; } = "";

    /// <summary>Waits until the server is ready, has failed, or has said nothing for <paramref name="patience"/>; every line starts it anew.</summary>
    public ReadinessOutcome Wait(TimeSpan patience, Action<string> onProgress, CancellationToken cancellationToken)
    {
        long end = Environment.TickCount64 + (long)patience.TotalMilliseconds;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            long left = end - Environment.TickCount64;
            if (left <= 0)
            {
                return ReadinessOutcome.Silent;
            }

            // Short turns, so that Ctrl-C is heard: poll is not interrupted by a signal that another thread handles.
            NativeMethods.PollDescriptor poll = new() { Descriptor = descriptor, Events = NativeMethods.POLLIN };
            if (NativeMethods.poll(&poll, 1, (int)Math.Min(left, 100)) <= 0)
            {
                continue;
            }

            nint count;
            fixed (byte* start = _buffer)
            {
                count = NativeMethods.read(descriptor, start, (nuint)_buffer.Length);
            }

            if (count == 0)
            {
                return ReadinessOutcome.Vanished;
            }

            if (count < 0)
            {
                continue; // EINTR
            }

            _pending.AddRange(_buffer.AsSpan(0, (int)count));
            while (TakeLine() is { } line)
            {
                end = Environment.TickCount64 + (long)patience.TotalMilliseconds;
                if (line == "ready")
                {
                    return ReadinessOutcome.Ready;
                }

                string[] parts = line.Split(' ', 3);
                if (parts[0] == "fail" && parts.Length == 3)
                {
                    ExitCode = int.Parse(parts[1], CultureInfo.InvariantCulture);
                    Sentence = parts[2];
                    return ReadinessOutcome.Failed;
                }

                onProgress(line["progress ".Length..]);
            }
        }
    }

    private string? TakeLine()
    {
        int end = _pending.IndexOf((byte)'\n');
        if (end < 0)
        {
            return null;
        }

        string line = Encoding.UTF8.GetString([.. _pending[..end]]);
        _pending.RemoveRange(0, end + 1);
        return line;
    }
}
