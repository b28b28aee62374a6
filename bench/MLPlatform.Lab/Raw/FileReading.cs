using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace MLPlatform.Lab;

/// <summary>Reads files by bare system calls, so that what is measured is the file system and not a library.</summary>
public static unsafe partial class FileReading
{
    private const int BufferBytes = 1 << 20;

    /// <summary>Opens, reads to the end and closes each file once.</summary>
    /// <returns>Wall and CPU seconds of the reading threads, and bytes.</returns>
    public static (double Wall, double Cpu, long Bytes) ReadAll(string root, IReadOnlyList<string> names, int threads, CancellationToken cancellationToken = default)
    {
        byte[][] paths = [.. names.Select(name => Encoding.UTF8.GetBytes(Path.Combine(root, name) + "\0"))];
        int next = -1;
        long bytes = 0;
        double cpu = 0;
        Lock gate = new();
        Stopwatch clock = Stopwatch.StartNew();
        Threads.RunAsync("reader", threads, _ =>
        {
            double before = ThreadCpu.Seconds;
            long mine = 0;
            byte* buffer = (byte*)NativeMemory.AlignedAlloc(BufferBytes, 4096);
            for (int i = Interlocked.Increment(ref next); i < paths.Length; i = Interlocked.Increment(ref next))
            {
                cancellationToken.ThrowIfCancellationRequested();
                fixed (byte* path = paths[i])
                {
                    int fd = Open(path, 0);
                    if (fd < 0)
                    {
                        throw new IOException($"open {names[i]}: {Marshal.GetLastPInvokeErrorMessage()}");
                    }

                    nint got;
                    while ((got = Read(fd, buffer, BufferBytes)) > 0)
                    {
                        mine += got;
                    }

                    Close(fd);
                    if (got < 0)
                    {
                        throw new IOException($"read {names[i]}: {Marshal.GetLastPInvokeErrorMessage()}");
                    }
                }
            }

            NativeMemory.AlignedFree(buffer);
            lock (gate)
            {
                bytes += mine;
                cpu += ThreadCpu.Seconds - before;
            }
        }).GetAwaiter().GetResult();
        return (clock.Elapsed.TotalSeconds, cpu, bytes);
    }

    /// <summary>The same names in a seeded random order.</summary>
    public static List<string> Shuffled(IEnumerable<string> names, int seed)
    {
        string[] order = [.. names];
        new Random(seed).Shuffle(order);
        return [.. order];
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true)]
    private static partial int Open(byte* path, int flags);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int fd, byte* buffer, nint count);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int fd);
}
