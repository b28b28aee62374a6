using Microsoft.Extensions.Logging;
using MLPlatform.Tiers.Devices;

namespace MLPlatform.Tiers.Index;

/// <summary>
/// The index over FASTER, which gives it look-ups without locks of ours and memory without objects. Changes of one key happen one at a time, under one of
/// 64 locks held for a microsecond; look-ups take none.
/// </summary>
internal sealed partial class FasterBlockIndex : IBlockIndex
{
    // Enough that two writers rarely meet, few enough that a swap of generations takes them all in a few microseconds.
    private const int Stripes = 64;

    private readonly IDeviceFiles _files;
    private readonly string _directory;
    private readonly ILogger _logger;
    private readonly Lock[] _stripes = new Lock[Stripes];
    private FasterGeneration _current;
    private long _count;
    private volatile bool _isDisposed;

    private FasterBlockIndex(IDeviceFiles files, string directory, ILogger logger, FasterGeneration generation, long count)
    {
        _files = files;
        _directory = directory;
        _logger = logger;
        _current = generation;
        _count = count;
        for (int i = 0; i < Stripes; i++)
        {
            _stripes[i] = new Lock();
        }
    }

    public long Count => Interlocked.Read(ref _count);

    public long MemoryBytes => Volatile.Read(ref _current).MemoryBytes + (Volatile.Read(ref _next)?.MemoryBytes ?? 0);

    /// <summary>Sessions with FASTER, however many threads come and go.</summary>
    internal int Sessions => Volatile.Read(ref _current).Sessions;

    public bool TryGet(in FileKey key, out RecordLocation location)
    {
        // A generation is closed only after its successor is in place, so this ends.
        IndexOutput output;
        while (!Volatile.Read(ref _current).TryRead(key, out output))
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
        }

        location = output.Location;
        return output.Found;
    }

    public bool Set(in FileKey key, in RecordLocation location, out RecordLocation previous)
    {
        IndexOutput output;
        lock (StripeOf(key))
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            WriteUnsynchronized(key, location, out output);
        }

        AfterChange();
        previous = output.Location;
        return output.Found;
    }

    public bool TryReplace(in FileKey key, ulong expectedPlace, in RecordLocation location)
    {
        lock (StripeOf(key))
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (!_current.TryRead(key, out IndexOutput output) || !output.Found || output.Location.Place != expectedPlace)
            {
                return false;
            }

            WriteUnsynchronized(key, location, out _);
        }

        return true;
    }

    public bool TryRemove(in FileKey key, ulong expectedPlace)
    {
        lock (StripeOf(key))
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (!_current.TryRead(key, out IndexOutput output) || !output.Found || output.Location.Place != expectedPlace)
            {
                return false;
            }

            _current.TryDelete(key);
            _next?.TryDelete(key);
            Interlocked.Decrement(ref _count);
        }

        AfterChange();
        return true;
    }

    /// <inheritdoc/>
    /// <remarks>It goes through the generation that is current at its beginning, also when that is replaced meanwhile.</remarks>
    public void ForEach(Func<FileKey, RecordLocation, bool> visit)
    {
        FasterGeneration generation;
        do
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            generation = Volatile.Read(ref _current);
        }
        while (!generation.TryHold());

        try
        {
            generation.Visit(visit);
        }
        finally
        {
            generation.Release();
        }
    }

    /// <summary>Waits for a rebuild and a checkpoint under way. Nothing is written.</summary>
    public void Dispose()
    {
        using (EnterAll())
        {
            if (_isDisposed)
            {
                return;
            }

            _isDisposed = true;
        }

        StopRebuilding();
        _checkpointing.Wait();
        _current.Dispose();
    }

    private Lock StripeOf(in FileKey key) => _stripes[FileKeyComparer.Hash(key) % Stripes];

    private void WriteUnsynchronized(in FileKey key, in RecordLocation location, out IndexOutput previous)
    {
        // The swap and the end of the index take all stripes, so neither generation closes here.
        _current.TryWrite(key, location, out previous);
        if (!previous.Found)
        {
            Interlocked.Increment(ref _count);
        }

        try
        {
            _next?.TryWrite(key, location, out _);
        }
        catch (OutOfMemoryException)
        {
            // The change is made; it is the copy that cannot be used.
            _isCopyIncomplete = true;
        }
    }

    private AllStripes EnterAll()
    {
        foreach (Lock stripe in _stripes)
        {
            stripe.Enter();
        }

        return new AllStripes(_stripes);
    }

    private readonly ref struct AllStripes(Lock[] stripes)
    {
        public void Dispose()
        {
            for (int i = stripes.Length - 1; i >= 0; i--)
            {
                stripes[i].Exit();
            }
        }
    }
}
