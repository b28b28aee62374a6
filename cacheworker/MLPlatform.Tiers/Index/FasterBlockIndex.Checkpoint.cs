using Microsoft.Extensions.Logging;
using MLPlatform.Core;
using MLPlatform.Tiers.Devices;

namespace MLPlatform.Tiers.Index;

/// <summary>
/// Checkpoints are one flat file (<see cref="IndexCheckpoint"/>), not FASTER's own: those hold removed records and the hash table too, carry no
/// checksum, and take several files that a kill can part.
/// </summary>
internal sealed partial class FasterBlockIndex
{
    private readonly SemaphoreSlim _checkpointing = new(1);

    /// <summary>Loads the last complete checkpoint of a directory, which is made when it does not exist. May take a fraction of a second per million entries.</summary>
    /// <param name="coverage">What the checkpoint's writer noted; empty when there is none or it is damaged, and then the index is empty.</param>
    /// <exception cref="CacheException"><c>DeviceFailed</c> or <c>DeviceFull</c>: the directory cannot be made. A checkpoint that cannot be used throws nothing.</exception>
    public static FasterBlockIndex Open(IDeviceFiles files, string directory, ILogger logger, out byte[] coverage)
    {
        files.CreateDirectory(directory);
        FasterGeneration? generation = null;
        long count = 0;
        try
        {
            coverage = IndexCheckpoint.Read(
                files,
                directory,
                entries => generation = new FasterGeneration(entries),
                entry =>
                {
                    generation!.TryWrite(entry.Key, entry.Location, out IndexOutput previous);
                    count += previous.Found ? 0 : 1;
                });
        }
        catch (CacheException e)
        {
            generation?.Dispose();
            generation = null;
            count = 0;
            coverage = [];
            if (e.Error != CacheError.NotFound)
            {
                IndexLog.CheckpointSetAside(logger, directory, e.Message);
                IndexCheckpoint.SetAside(files, directory);
            }
        }

        return new FasterBlockIndex(files, directory, logger, generation ?? new FasterGeneration(0), count);
    }

    public async Task CheckpointAsync(ReadOnlyMemory<byte> coverage, CancellationToken cancellationToken)
    {
        await _checkpointing.WaitAsync(cancellationToken);
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            await Task.Run(() => IndexCheckpoint.Write(_files, _directory, coverage.Span, ForEach, cancellationToken), cancellationToken);
        }
        finally
        {
            _checkpointing.Release();
        }
    }
}
