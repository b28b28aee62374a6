using MLPlatform.Core;
using MLPlatform.Tiers.Devices;
using MLPlatform.Tiers.LargeFiles;

namespace MLPlatform.Tiers;

/// <summary>Reading back what lies on the disks, slowly, again and again.</summary>
public sealed partial class DiskTier
{
    // A disk of 1 TB is read once a day at this rate, which no reader feels.
    private const long ScrubBytesPerSecond = 12 << 20;

    private static readonly TimeSpan s_scrubPause = TimeSpan.FromHours(1);

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
