using System.Globalization;
using System.Text;
using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>
/// Reads the headers of tar shards and adds their members to a <see cref="ManifestBuilder"/>. Where members are small it reads on in pieces of up to 8 MiB, since a
/// request costs as much time as a mebibyte; where they are large it asks for headers alone. It holds one buffer and a bounded number of names. For one thread at a time.
/// </summary>
internal sealed class ShardIndexer(ManifestBuilder builder, int mount, IUnderStore store)
{
    // About what a stream of a store gives in the 10 to 20 ms that a request takes.
    private const long ReadOnStride = 1 << 20;

    private const long FirstPieceBytes = 256 << 10;
    private const long MaxPieceBytes = 8 << 20;

    // A header with the extended headers before it, as a rule.
    private const long ProbeBytes = 4096;

    // Names that wait, about 1 MiB; a shard that fits is added in one step.
    private const int MaxPending = 16_384;

    private const int MaxAttempts = 4;

    // Some members of the shard at hand are in the builder already, and cannot be taken back.
    private bool _hasAdded;

    public static bool IsShard(StoreEntry entry) => entry.Kind == StoreEntryKind.File && entry.Path.AsSpan().EndsWith(".tar"u8);

    /// <summary>Adds one shard whole, also where it is replaced meanwhile; one that is gone is no part of the tree.</summary>
    /// <param name="unit">The piece of a journalled listing that it is; closed by this.</param>
    /// <exception cref="CacheException"><c>Corrupt</c>: names shard and offset; <c>VersionChanged</c>: it was replaced after some of its members were added.</exception>
    public async Task AddAsync(StoreEntry shard, OpenUnit? unit, CancellationToken cancellationToken)
    {
        StoreEntry? now = shard;
        for (int attempt = 1; now is not null && IsShard(now); attempt++)
        {
            try
            {
                await ReadAsync(now, unit, cancellationToken);
                return;
            }
            catch (CacheException e) when (e.Error is CacheError.VersionChanged or CacheError.NotFound)
            {
                if (_hasAdded || unit is { HasBegun: true } || attempt == MaxAttempts)
                {
                    builder.StartAnewNextTime();
                    throw new CacheException(CacheError.VersionChanged, $"{UriOf(now)} was replaced while its members were being read; list the dataset again.", e);
                }
            }

            now = await store.StatAsync(shard.Path, cancellationToken);
        }

        if (now is not null)
        {
            await builder.AddAsync(mount, [now], cancellationToken);
        }

        if (unit is not null)
        {
            await builder.CloseUnitAsync(unit, cancellationToken);
        }
    }

    private async Task ReadAsync(StoreEntry shard, OpenUnit? unit, CancellationToken cancellationToken)
    {
        _hasAdded = false;
        TarMembers members = new();
        if (unit is not { HasBegun: true } && builder.TryReuseShard(mount, shard, members))
        {
            await builder.AddShardAsync(mount, shard, members, unit, cancellationToken);
            return;
        }

        TarScanner scanner = new(shard.Size, members);
        TarSink sink = new(scanner);
        StoreObject storeObject = new(shard.Path, shard.Size, shard.Identity);
        long piece = FirstPieceBytes;
        while (!scanner.AtEnd)
        {
            long start = scanner.Next;
            if (start >= shard.Size)
            {
                scanner.Finish();
                break;
            }

            sink.Begin(start);
            await store.ReadAsync(storeObject, start, Math.Min(piece, shard.Size - start), sink, cancellationToken);
            piece = scanner.MeanStride > ReadOnStride ? ProbeBytes : Math.Clamp(piece * 2, FirstPieceBytes, MaxPieceBytes);
            if (scanner.Problem is null && members.Count >= MaxPending)
            {
                // Only after the read: before it ends some stores do not know which version they read.
                _hasAdded = true;
                unit = await builder.AddMembersAsync(mount, shard, members, unit, cancellationToken);
                members.Clear();
            }
        }

        if (scanner.Problem is { } problem)
        {
            throw new CacheException(
                CacheError.Corrupt,
                $"{UriOf(shard)} is no sound tar: {problem.What}, at byte {problem.Offset.ToString(CultureInfo.InvariantCulture)}; repair or remove it, or add the dataset without --index-tar.");
        }

        await builder.AddShardAsync(mount, shard, members, unit, cancellationToken);
    }

    private string UriOf(StoreEntry shard) => $"{store.Uri}/{Encoding.UTF8.GetString(shard.Path)}";
}
