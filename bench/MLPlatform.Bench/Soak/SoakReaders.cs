using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Lab;

namespace MLPlatform.Bench.Soak;

/// <summary>
/// Threads that read random ranges of random files and compare every byte. After each read the file's pages are dropped, so that the server is asked
/// again. A read may fail only while its server is dead; one that does not end is told of by <see cref="Slowest"/>.
/// </summary>
internal sealed class SoakReaders
{
    private const int MaxReadBytes = 1 << 20;

    private readonly SoakPlan _plan;
    private readonly SoakTally _tally;
    private readonly TreeFile[] _files;
    private readonly long[] _since;
    private readonly string?[] _reading;
    private readonly long[] _progress;
    private string? _directory;
    private int _generation;
    private bool _stopped;

    public SoakReaders(SoakPlan plan, SoakTally tally)
    {
        _plan = plan;
        _tally = tally;
        _files = [.. plan.Data.Enumerate()];
        _since = new long[plan.Threads];
        _reading = new string?[plan.Threads];
        _progress = new long[plan.Threads];
    }

    /// <summary>The read that is under way for longest, and what it reads.</summary>
    public (TimeSpan For, string What) Slowest
    {
        get
        {
            (TimeSpan For, string What) slowest = (TimeSpan.Zero, "");
            for (int i = 0; i < _since.Length; i++)
            {
                long since = Interlocked.Read(ref _since[i]);
                if (since != 0 && Stopwatch.GetElapsedTime(since) > slowest.For)
                {
                    slowest = (Stopwatch.GetElapsedTime(since), _reading[i] ?? "");
                }
            }

            return slowest;
        }
    }

    /// <summary>Reads ended so far by each thread.</summary>
    public IReadOnlyList<long> Progress => [.. _progress.Select((_, i) => Interlocked.Read(ref _progress[i]))];

    /// <summary>The mount to read through; null while there is none.</summary>
    public void Use(string? directory)
    {
        Interlocked.Increment(ref _generation);
        Volatile.Write(ref _directory, directory);
    }

    public void Stop() => Volatile.Write(ref _stopped, true);

    /// <returns>Completes when all threads have ended after <see cref="Stop"/>.</returns>
    public Task RunAsync() => Threads.RunAsync("soak", _plan.Threads, Read);

    private void Read(int thread)
    {
        Random random = new((_plan.Seed * 1000) + thread);
        byte[] buffer = new byte[MaxReadBytes];
        while (!Volatile.Read(ref _stopped))
        {
            int generation = Volatile.Read(ref _generation);
            if (Volatile.Read(ref _directory) is not { } directory)
            {
                Thread.Sleep(10);
                continue;
            }

            TreeFile file = _files[random.Next(_files.Length)];
            (long offset, int count) = Range(file.Length, random);
            _reading[thread] = $"{file.Path} at {offset}, {count} bytes";
            Interlocked.Exchange(ref _since[thread], Stopwatch.GetTimestamp());
            try
            {
                Read(directory, file, offset, buffer.AsSpan(0, count));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                if (Volatile.Read(ref _generation) == generation)
                {
                    _tally.Report($"{_reading[thread]}: {e.Message}");
                }
                else
                {
                    _tally.CountExcused();
                }
            }

            Interlocked.Exchange(ref _since[thread], 0);
            Interlocked.Increment(ref _progress[thread]);
        }
    }

    private void Read(string directory, TreeFile file, long offset, Span<byte> buffer)
    {
        using SafeFileHandle handle = File.OpenHandle(Path.Combine(directory, file.Path));
        int got = 0;
        while (got < buffer.Length)
        {
            int read = RandomAccess.Read(handle, buffer[got..], offset + got);
            if (read == 0)
            {
                _tally.Report($"{file.Path} ends at {offset + got} instead of {file.Length}");
                return;
            }

            got += read;
        }

        int wrong = _plan.Data.FirstMismatch(file.Path, offset, buffer);
        if (wrong >= 0)
        {
            _tally.Report($"WRONG BYTE: {file.Path} at {offset + wrong} is {buffer[wrong]:x2} (read of {buffer.Length} from {offset})");
        }

        _tally.CountRead(buffer.Length);
        PageCache.Forget(handle);
    }

    private static (long Offset, int Count) Range(long length, Random random)
    {
        if (length <= MaxReadBytes && random.Next(4) > 0)
        {
            return (0, (int)length);
        }

        long offset = random.NextInt64(length);
        return (offset, (int)Math.Min(length - offset, 1 + random.Next(MaxReadBytes)));
    }
}
