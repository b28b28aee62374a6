using System.Globalization;
using System.Text;
using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>
/// Hands out inode numbers of one dataset to live trees and builders of any number of processes. A file holds the first number that nobody has;
/// it is moved before numbers are used, so a crash loses numbers and never gives one twice. Any thread may call it.
/// </summary>
internal sealed class InodeReservations(string path, IFileOperations files, ulong atLeast) : IInodeNumbers, IAsyncDisposable
{
    // A mount that looks at a few files takes few numbers from the rest, so that columns of them stay narrow; one that finds 100,000 new
    // files a second ends up asking the disk every ten seconds.
    private const ulong FirstBlock = 1 << 12;
    private const ulong LargestBlock = 1 << 20;

    // The lock is held for one small write; a disk that takes longer for it is broken.
    private static readonly TimeSpan s_lockDeadline = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private ulong _next;
    private ulong _end;
    private ulong _size;
    private ulong _block = FirstBlock;
    private Task<(ulong Next, ulong End)>? _ahead;

    /// <summary>Reserves the first numbers now, so that nobody who takes one waits for the disk.</summary>
    /// <exception cref="CacheException">The disk fails.</exception>
    public InodeReservations Prepare()
    {
        lock (_lock)
        {
            if (_next == _end)
            {
                Use(ReserveBlock());
            }
        }

        return this;
    }

    public ulong Take()
    {
        lock (_lock)
        {
            if (_next == _end)
            {
                bool isReady = _ahead is { IsCompletedSuccessfully: true };
                Use(isReady ? _ahead!.Result : ReserveBlock()); // The first of all, or the disk is slower than the finder.
                _ahead = isReady || _ahead is { IsFaulted: true } ? null : _ahead;
            }

            if (_ahead is null && _end - _next <= _size / 4)
            {
                _ahead = ReserveAheadAsync();
            }

            return _next++;
        }
    }

    /// <summary>Sets numbers aside for the caller.</summary>
    /// <exception cref="CacheException">The disk fails; no number is given then.</exception>
    public ulong Reserve(ulong least, ulong count)
    {
        try
        {
            using FileLock held = Acquire();
            ulong first = Math.Max(Math.Max(ReadNext(), least), ManifestFormat.RootInode + 1);
            string temporary = $"{path}.new"; // The lock makes it ours.
            files.DeleteFile(temporary);
            files.Write(temporary, Encoding.ASCII.GetBytes((first + count).ToString(CultureInfo.InvariantCulture)));
            files.Rename(temporary, path);
            files.FlushDirectory(Path.GetDirectoryName(path)!);
            return first;
        }
        catch (Exception e) when (CatalogueFault.IsDisk(e))
        {
            throw CatalogueFault.From(e, path);
        }
    }

    /// <summary>Lets a reservation under way come to its end; nobody takes numbers any more.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_ahead is { } ahead)
        {
            // Its numbers are lost, as is its fault.
            await ahead.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private void Use((ulong Next, ulong End) block)
    {
        (_next, _end) = block;
        _size = _end - _next;
    }

    private async Task<(ulong Next, ulong End)> ReserveAheadAsync()
    {
        await Task.Yield(); // The caller holds the lock of a directory that somebody looks names up in.
        return ReserveBlock();
    }

    private (ulong Next, ulong End) ReserveBlock()
    {
        ulong count = Volatile.Read(ref _block);
        ulong first = Reserve(atLeast, count);
        Volatile.Write(ref _block, Math.Min(count * 4, LargestBlock));
        return (first, first + count);
    }

    private FileLock Acquire()
    {
        // Builders and live trees call from places that cannot await; the holder is never more than one small write from its end.
        FileLock? held = null;
        SpinWait.SpinUntil(() => (held = FileLock.TryAcquire(path + ".lock", "reserving inode numbers")) is not null, s_lockDeadline);
        return held ?? throw new CacheException(CacheError.Busy, $"{path} is held by process {FileLock.Read(path + ".lock")?.Process}; stop it.");
    }

    private ulong ReadNext()
    {
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (FileNotFoundException)
        {
            return 0;
        }

        return ulong.TryParse(text.AsSpan().Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out ulong next)
            ? next
            : throw new CacheException(CacheError.Corrupt, $"{path} should hold one number and does not; remove the dataset and add it again.");
    }
}
