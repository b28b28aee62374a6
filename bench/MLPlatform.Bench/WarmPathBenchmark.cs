using System.Buffers.Binary;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Client;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.FileSystem;
using MLPlatform.Fuse;
using MLPlatform.Lab;
using MLPlatform.UnderStore;

namespace MLPlatform.Bench;

/// <summary>One warm request from the kernel's side of the connection to the reply: session, file system, manifest and reader together.</summary>
[MemoryDiagnoser]
public class WarmPathBenchmark : IDisposable
{
    private const uint Lookup = 1;
    private const uint GetAttr = 3;
    private const uint Read = 15;

    private readonly byte[] _read = new byte[40];
    private readonly byte[] _none = new byte[16];
    private string _root = "";
    private FakeKernel _kernel = null!;
    private FuseSession _session = null!;
    private FileReader _reader = null!;
    private BlockPool _pool = null!;
    private Manifest _manifest = null!;
    private ulong _inode;

    [GlobalSetup]
    public async Task SetupAsync()
    {
        _root = Directory.CreateTempSubdirectory("mlp-bench-").FullName;
        string data = Directory.CreateDirectory(Path.Combine(_root, "data")).FullName;
        await File.WriteAllBytesAsync(Path.Combine(data, "file"), new byte[128 << 10]);
        IUnderStore store = UnderStoreFactory.Open(data, new UnderStoreOptions(), TimeProvider.System, NullLoggerFactory.Instance);
        ManifestBuildResult built;
        await using (ManifestBuilder builder = ManifestBuilder.Open(new ManifestBuilderOptions { DatasetName = "bench", Mounts = [new ManifestMount("", store.Uri)], WorkDirectory = Path.Combine(_root, "work") }))
        {
            await TreeLister.ListAsync(builder, [store], new TreeListerOptions(), CancellationToken.None);
            built = await builder.FinishAsync(_root, CancellationToken.None);
        }

        _manifest = Manifest.Open(built.Path);
        ManifestTree tree = new(_manifest, [store]);
        _pool = new BlockPool(new MemoryBudget(512 << 20));
        _reader = new FileReader(new UnderStoreSource(), _pool, new ReaderOptions { IdleTimeout = TimeSpan.FromHours(1), ConsumedGrace = TimeSpan.FromHours(1) }, NullLogger<FileReader>.Instance, TimeProvider.System);
        DatasetFileSystem fileSystem = new(tree, _reader, null, MountProfile.Files, new ViewOptions(), null, TimeProvider.System, NullLogger.Instance);
        _kernel = new FakeKernel();
        _session = new FuseSession(fileSystem, _kernel.Device, new FuseSessionOptions { Threads = 1 }, NullLogger.Instance);
        _session.Start();
        _kernel.Receive();
        _inode = BinaryPrimitives.ReadUInt64LittleEndian(_kernel.Ask(Lookup, 1, "file\0"u8).Body);
        BinaryPrimitives.WriteUInt32LittleEndian(_read.AsSpan(16), 4096);
        Expect(_kernel.Ask(Read, _inode, _read), 4096); // Fetches the file; later reads find it at hand.
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _kernel.Dispose();
        _session.Completion.Wait(TimeSpan.FromSeconds(10));
        _session.Dispose();
        _reader.Dispose();
        _pool.Dispose();
        _manifest.Dispose();
        Directory.Delete(_root, recursive: true);
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public void WarmLookup() => Expect(_kernel.Ask(Lookup, 1, "file\0"u8), 128);

    [Benchmark]
    public void WarmGetAttr() => Expect(_kernel.Ask(GetAttr, _inode, _none), 104);

    [Benchmark]
    public void WarmRead() => Expect(_kernel.Ask(Read, _inode, _read), 4096);

    private static void Expect(FakeReply reply, int bytes)
    {
        if (reply.IsEmpty || reply.Error != 0 || reply.Body.Length != bytes)
        {
            throw new InvalidOperationException($"A warm request failed: errno {(reply.IsEmpty ? -1 : reply.Error)}.");
        }
    }
}
