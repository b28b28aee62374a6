using MLPlatform.Client;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.UnderStore;

namespace MLPlatform.Tests.Client;

/// <summary>Lets reads of another source fail before, amid or after their bytes, stop for a while, or answer to their token only. Seeded.</summary>
internal sealed class FaultySource(IRangeSource inner, int seed, double probability) : IRangeSource
{
    private readonly Lock _lock = new();
    private readonly Random _random = new(seed);

    public bool IsHealed { get; set; }

    /// <summary>Reads of this file always find another version.</summary>
    public ulong ReplacedInode { get; init; }

    public bool IsGuarded(FileVersion file) => inner.IsGuarded(file);

    public int SuggestedParallelism(FileVersion file) => inner.SuggestedParallelism(file);

    public async Task ReadAsync(FileVersion file, long offset, long count, IReadSink sink, CancellationToken cancellationToken)
    {
        int kind;
        int pauses;
        long cutAt;
        lock (_lock)
        {
            kind = IsHealed || _random.NextDouble() >= probability ? -1 : _random.Next(5);
            pauses = _random.Next(4);
            cutAt = _random.NextInt64(count);
        }

        for (int i = 0; i < pauses; i++)
        {
            await Task.Yield();
        }

        if (file.Inode == ReplacedInode)
        {
            if (!IsGuarded(file))
            {
                await inner.ReadAsync(file, offset, count, sink, cancellationToken);
            }

            throw new CacheException(CacheError.VersionChanged, $"{file.DisplayUri} was replaced; run mlp dataset sync.");
        }

        switch (kind)
        {
            case 0:
                throw new CacheException(CacheError.Throttled, $"{file.DisplayUri}: SlowDown.");
            case 1 when cutAt > 0:
                await inner.ReadAsync(file, offset, cutAt, sink, cancellationToken);
                throw new CacheException(CacheError.Unreachable, $"{file.DisplayUri}: the connection was cut.");
            case 2:
                await inner.ReadAsync(file, offset, count, sink, cancellationToken);
                throw new CacheException(CacheError.Unreachable, $"{file.DisplayUri}: the check after the last byte failed.");
            case 3:
                throw new InvalidOperationException("a bug of the store");
            default:
                cancellationToken.ThrowIfCancellationRequested();
                await inner.ReadAsync(file, offset, count, sink, cancellationToken);
                return;
        }
    }
}
