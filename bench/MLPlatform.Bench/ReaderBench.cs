using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Client;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.UnderStore;

namespace MLPlatform.Bench;

/// <summary>
/// What the reader itself costs, over a source that delivers at once without writing a byte: a hit (no allocation), a cold
/// small file, and a megabyte of a long sequential read.
/// </summary>
[MemoryDiagnoser]
public class ReaderBench : IDisposable
{
    private const int SmallFileBytes = 100_000;

    private BlockPool _pool = null!;
    private FileReader _reader = null!;
    private ulong _nextInode = 1000;
    private FileVersion _long = null!;
    private long _longOffset;

    [GlobalSetup]
    public void Setup()
    {
        _pool = new BlockPool(new MemoryBudget(512 << 20));
        _reader = new FileReader(new InstantSource(), _pool, new ReaderOptions { IdleTimeout = TimeSpan.FromHours(1) }, NullLogger<FileReader>.Instance, TimeProvider.System);
        _reader.ReadAsync(File(1, 1 << 20), 0, 4096, CancellationToken.None).AsTask().GetAwaiter().GetResult().Dispose();
        _long = File(2, 1L << 60);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _reader.Dispose();
        _pool.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public int Hit4KiB()
    {
        if (!_reader.TryRead(1, 512, 4096, out ReadLease lease))
        {
            throw new InvalidOperationException("a hit was expected");
        }

        int length = lease.Length;
        lease.Dispose();
        return length;
    }

    [Benchmark]
    public async Task<int> ColdSmallFile()
    {
        using ReadLease lease = await _reader.ReadAsync(File(_nextInode++, SmallFileBytes), 0, 131_072, CancellationToken.None);
        return lease.Length;
    }

    [Benchmark]
    public async Task<int> SequentialMebibyte()
    {
        int total = 0;
        for (int i = 0; i < 8; i++, _longOffset += 131_072)
        {
            if (!_reader.TryRead(2, _longOffset, 131_072, out ReadLease lease))
            {
                lease = await _reader.ReadAsync(_long, _longOffset, 131_072, CancellationToken.None);
            }

            total += lease.Length;
            lease.Dispose();
        }

        return total;
    }

    private static FileVersion File(ulong inode, long size) => new(inode, InstantSource.Store, new StoreObject([], size, ObjectIdentity.None));

    private sealed class InstantSource : IRangeSource
    {
        public static readonly IUnderStore Store = UnderStoreFactory.Open("file:///", new UnderStoreOptions(), TimeProvider.System, NullLoggerFactory.Instance);

        public bool IsGuarded(FileVersion file) => true;

        public int SuggestedParallelism(FileVersion file) => 16;

        public Task ReadAsync(FileVersion file, long offset, long count, IReadSink sink, CancellationToken cancellationToken)
        {
            while (count > 0)
            {
                int piece = (int)Math.Min(count, sink.NextBuffer.Length);
                sink.Advance(piece);
                count -= piece;
            }

            return Task.CompletedTask;
        }
    }
}
