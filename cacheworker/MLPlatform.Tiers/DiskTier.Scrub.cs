using System.Collections.Concurrent;
using System.Threading.Channels;
using MLPlatform.Core;
using MLPlatform.Tiers.Devices;
using MLPlatform.Tiers.LargeFiles;

namespace MLPlatform.Tiers;

/// <summary>Reading back what lies on the disks, slowly, again and again.</summary>
public sealed partial class DiskTier
{
    // A disk of 1 TB is read once a day at this rate, which no reader feels.
    private const long ScrubBytesPerSecond = 12 << 20;

    private const int MaxVerifiesQueued = 256;

    private static readonly TimeSpan s_scrubPause = TimeSpan.FromHours(1);

    private readonly Channel<LargeFile> _verifies = Channel.CreateBounded<LargeFile>(new BoundedChannelOptions(MaxVerifiesQueued) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly ConcurrentDictionary<FileKey, bool> _verifying = new();

    /// <summary>Reads a file back that somebody has opened. Only one that was written by this process, whose bytes are still in memory: others are verified by their readers as they
    /// go, and reading those ahead of them would read the disk twice.</summary>
    private void VerifySoon(LargeFile file)
    {
        if (file is { IsComplete: true, IsVerified: false, WasWritten: true } && _verifying.TryAdd(file.Key, true) && !_verifies.Writer.TryWrite(file))
        {
            _verifying.TryRemove(file.Key, out _);
        }
    }

    private async Task VerifyAsync()
    {
        try
        {
            await foreach (LargeFile file in _verifies.Reader.ReadAllAsync(_disposed.Token))
            {
                try
                {
                    await Task.Run(() => file.VerifyAsync(static (_, _) => ValueTask.CompletedTask, _disposed.Token), _disposed.Token);
                }
                catch (CacheException e)
                {
                    DeviceOfLarge(file.Key)?.Failed(e);
                }
                finally
                {
                    _verifying.TryRemove(file.Key, out _);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The tier is being closed.
        }
    }

    private async Task ScrubAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(s_scrubPause, _time, _disposed.Token);
                foreach (CacheDevice device in _devices.Where(static d => d.IsReadable))
                {
                    await ScrubAsync(device);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The tier is being closed.
        }
    }

    private async Task ScrubAsync(CacheDevice device)
    {
        try
        {
            await device.Segments.ScrubAsync(PaceAsync, _disposed.Token);
            List<LargeFile> files = [];
            device.Large.ForEach(file =>
            {
                files.Add(file);
                return true;
            });
            foreach (LargeFile file in files)
            {
                await file.VerifyAsync(PaceAsync, _disposed.Token);
            }
        }
        catch (CacheException e)
        {
            device.Failed(e);
        }
    }

    private async ValueTask PaceAsync(int bytes, CancellationToken cancellationToken) =>
        await Task.Delay(TimeSpan.FromSeconds((double)bytes / ScrubBytesPerSecond), _time, cancellationToken);
}
