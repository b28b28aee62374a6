using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;
using MLPlatform.Lab;
using MLPlatform.Protocol;
using Xunit;

namespace MLPlatform.Tests.Protocol;

/// <summary>Frames and descriptors through a real Unix socket.</summary>
public sealed class UnixFrameTests : IAsyncLifetime, IRequestHandler
{
    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(30);

    private readonly string _directory = Directory.CreateTempSubdirectory("mlp-frames").FullName;
    private readonly TrackedBlockPool _pool = new();
    private UnixFrameListener _listener = null!;
    private FrameConnection _client = null!;

    private string SocketPath => Path.Combine(_directory, new string('d', 120), "socket");

    public async Task InitializeAsync()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(SocketPath)!);
        _listener = UnixFrameListener.Listen(SocketPath, this, Options);
        _client = await FrameConnection.ConnectAsync(await UnixFrameTransport.ConnectAsync(SocketPath, CancellationToken.None), null, Options, CancellationToken.None);
    }

    public async Task DisposeAsync()
    {
        await _client.DisposeAsync();
        await _listener.DisposeAsync();
        _pool.Verify();
        Assert.Equal(0, _pool.LiveLeases);
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public void Socket_OfAListener_IsItsUsersAlone() =>
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(SocketPath));

    [Fact]
    public async Task Descriptors_AmongManyFrames_ArriveWithTheFrameTheyBelongTo()
    {
        await Task.WhenAll(Enumerable.Range(0, 300).Select(async i =>
        {
            byte[] fields = [.. ScriptedHandler.Number(i), .. new byte[i % 7 * 9000]];
            using ReceivedFrame answer = await _client.RequestAsync((ushort)(i % 3), new FramePayload(fields), default, s_long, CancellationToken.None);
            SafeFileHandle[] descriptors = answer.TakeDescriptors();
            Assert.Equal(i % 3, descriptors.Length);
            for (int k = 0; k < descriptors.Length; k++)
            {
                byte[] content = new byte[8];
                Assert.Equal(8, RandomAccess.Read(descriptors[k], content, 0));
                Assert.Equal([.. ScriptedHandler.Number(i), .. ScriptedHandler.Number(k)], content);
                descriptors[k].Dispose();
            }
        }));
        await AllAreClosedAsync();
    }

    [Fact]
    public async Task Descriptors_NobodyTakes_AreClosed()
    {
        for (int i = 0; i < 100; i++)
        {
            (await _client.RequestAsync(2, new FramePayload(ScriptedHandler.Number(i)), default, s_long, CancellationToken.None)).Dispose();
        }

        await AllAreClosedAsync();
    }

    [Fact]
    public async Task Bulk_FromNativeMemory_ComesBackTheSame()
    {
        using BlockLease block = _pool.TryRent(1 << 20)!;
        Random.Shared.NextBytes(block.Memory.Span);
        FramePayload payload = new(ScriptedHandler.Number(5), new[] { new NativeSegment(block.Address, 1000), new NativeSegment(block.Address + 1000, (1 << 20) - 1000) });
        using ReceivedFrame answer = await _client.RequestAsync(9, payload, default, s_long, CancellationToken.None);
        Assert.True(answer.Payload.Span[4..].SequenceEqual(block.Memory.Span));
    }

    [Fact]
    public async Task Listener_Disposed_EndsConnectionsAndTheFile()
    {
        Task<ReceivedFrame> waiting = _client.RequestAsync(10, default, default, s_long, CancellationToken.None);
        await _listener.DisposeAsync();
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => waiting);
        Assert.Equal(CacheError.Unreachable, e.Error);
        Assert.False(File.Exists(SocketPath));
        CacheException nobody = await Assert.ThrowsAsync<CacheException>(() => UnixFrameTransport.ConnectAsync(SocketPath, CancellationToken.None));
        Assert.Equal(CacheError.Unreachable, nobody.Error);
    }

    async ValueTask<FrameReply> IRequestHandler.HandleAsync(FrameConnection connection, ReceivedFrame request, CancellationToken cancellationToken)
    {
        if (request.Method == 9)
        {
            return new FrameReply(new FramePayload(request.Payload.ToArray()));
        }

        if (request.Method == 10)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }

        // As many descriptors as the method says, each of a file that says which request and which descriptor it is.
        Files files = new();
        for (int k = 0; k < request.Method; k++)
        {
            SafeFileHandle file = File.OpenHandle(Path.Combine(_directory, Guid.NewGuid().ToString()), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite, FileOptions.DeleteOnClose);
            RandomAccess.Write(file, [.. request.Payload.Span[..4], .. ScriptedHandler.Number(k)], 0);
            files.Handles.Add(file);
        }

        return new FrameReply(new FramePayload(request.Payload.ToArray()), files.Handles.ToArray(), files);
    }

    void IRequestHandler.Ended(FrameConnection connection)
    {
    }

    private FrameConnectionOptions Options => new() { Service = "mlp-test", Pool = _pool, Logger = NullLogger.Instance, HandshakeTimeout = s_long };

    /// <summary>The sender closes its own when the answer has left, which is after the receiver may have it.</summary>
    private async Task AllAreClosedAsync()
    {
        using CancellationTokenSource deadline = new(s_long);
        while (Directory.GetFiles("/proc/self/fd").Any(link => new FileInfo(link).LinkTarget is { } target && target.StartsWith(_directory, StringComparison.Ordinal)))
        {
            await Task.Delay(10, deadline.Token);
        }
    }

    private sealed class Files : IDisposable
    {
        public List<SafeFileHandle> Handles { get; } = [];

        public void Dispose() => Handles.ForEach(static handle => handle.Dispose());
    }
}
