using System.Globalization;
using System.Text;

namespace MLPlatform.Cli.Mounting;

/// <summary>
/// The child's side of the readiness pipe. Three kinds of lines: <c>progress WORDS</c> any number of times, then
/// <c>ready</c> or <c>fail CODE SENTENCE</c> once. One thread at a time.
/// </summary>
internal sealed unsafe class ReadinessReport : IDisposable
{
    private int _descriptor;

    private ReadinessReport(int descriptor)
    {
        _descriptor = descriptor;

        // fusermount3 and other helpers must not hold the pipe open after us.
        _ = NativeMethods.fcntl(descriptor, NativeMethods.F_SETFD, NativeMethods.FD_CLOEXEC);
    }

    /// <returns>Null unless a parent waits for us.</returns>
    public static ReadinessReport? FromEnvironment()
    {
        string? text = Environment.GetEnvironmentVariable(ServerProcess.ReadyVariable);
        Environment.SetEnvironmentVariable(ServerProcess.ReadyVariable, null);
        return int.TryParse(text, CultureInfo.InvariantCulture, out int descriptor) ? new ReadinessReport(descriptor) : null;
    }

    public void Progress(string words) => Write($"progress {OneLine(words)}\n");

    /// <returns>False when nobody waits any more.</returns>
    public bool Ready() => Write("ready\n");

    public void Fail(int exitCode, string sentence) => Write($"fail {exitCode} {OneLine(sentence)}\n");

    public void Dispose()
    {
        if (_descriptor >= 0)
        {
            _ = NativeMethods.close(_descriptor);
            _descriptor = -1;
        }
    }

    private static string OneLine(string words) => words.ReplaceLineEndings(" ");

    private bool Write(string line)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(line);
        fixed (byte* start = bytes)
        {
            for (int done = 0; done < bytes.Length;)
            {
                nint written = NativeMethods.write(_descriptor, start + done, (nuint)(bytes.Length - done));
                if (written < 0)
                {
                    if (NativeMethods.LastErrno == NativeMethods.EINTR)
                    {
                        continue;
                    }

                    return false; // EPIPE: the parent is gone.
                }

                done += (int)written;
            }
        }

        return true;
    }
}
