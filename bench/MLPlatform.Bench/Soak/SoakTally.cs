using System.Collections.Concurrent;

namespace MLPlatform.Bench.Soak;

/// <summary>What came of a soak. Any thread adds to it.</summary>
internal sealed class SoakTally
{
    // Enough to see what is wrong; a broken cache would fill the memory.
    private const int MaxProblems = 50;

    private readonly ConcurrentQueue<string> _problems = new();
    private long _reads;
    private long _bytes;
    private long _excused;
    private long _damages;
    private long _faults;

    public long Reads => Interlocked.Read(ref _reads);

    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Reads that failed because their server was killed under them.</summary>
    public long Excused => Interlocked.Read(ref _excused);

    /// <summary>Places of the cache's files overwritten.</summary>
    public long Damages => Interlocked.Read(ref _damages);

    /// <summary>Requests on which a fault of the store took effect.</summary>
    public long Faults => Interlocked.Read(ref _faults);

    public IReadOnlyCollection<string> Problems => _problems;

    public void CountRead(long bytes)
    {
        Interlocked.Increment(ref _reads);
        Interlocked.Add(ref _bytes, bytes);
    }

    public void CountExcused() => Interlocked.Increment(ref _excused);

    public void CountDamage() => Interlocked.Increment(ref _damages);

    public void CountFaults(long hits) => Interlocked.Add(ref _faults, hits);

    public void Report(string problem)
    {
        if (_problems.Count < MaxProblems)
        {
            _problems.Enqueue(problem);
            Console.Error.WriteLine(problem);
        }
    }
}
