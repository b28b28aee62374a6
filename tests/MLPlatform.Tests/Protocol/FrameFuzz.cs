using System.IO.Pipelines;
using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Core;
using MLPlatform.Lab;
using MLPlatform.Protocol;
using Xunit;
using Xunit.Abstractions;

namespace MLPlatform.Tests.Protocol;

/// <summary>Streams of right, damaged and random frames: the connection serves what is right, ends at what is not, and keeps nothing.</summary>
public sealed class FrameFuzz(ITestOutputHelper output)
{
    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Connection_RandomAndDamagedFrames_EndsAndLeaksNothing()
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        Random random = new(seed);
        TrackedBlockPool pool = new();
        FrameConnectionOptions options = new()
        {
            Service = "mlp-test", Pool = pool, Logger = NullLogger.Instance, HandshakeTimeout = s_long,
            Limits = new FrameLimits { MaxPayloadBytes = 32 << 10, MaxRequests = 8, MaxRequestBytes = 64 << 10 },
        };
        int rounds = int.TryParse(Environment.GetEnvironmentVariable("MLP_FUZZ_ROUNDS"), out int wanted) ? wanted / 20 : 400;
        for (int round = 0; round < rounds; round++)
        {
            (Duplex near, Duplex far) = Duplex.Make();
            ScriptedHandler handler = new();
            Task<FrameConnection> accepting = FrameConnection.AcceptAsync(far, handler, options, null, CancellationToken.None);
            Task draining = DrainAsync(near.Input);
            byte[] stream = Stream(random, options, random.Next(5) > 0);
            for (int at = 0; at < stream.Length;)
            {
                int piece = Math.Min(stream.Length - at, random.Next(1, 5000));
                FlushResult flushed = await near.Output.WriteAsync(stream.AsMemory(at, piece)).AsTask().WaitAsync(s_long);
                at += piece;
                if (flushed.IsCompleted)
                {
                    break;
                }
            }

            await near.Output.CompleteAsync();
            try
            {
                FrameConnection connection = await accepting.WaitAsync(s_long);
                await connection.Completion.WaitAsync(s_long);
                Assert.True(handler.Gone.Task.IsCompleted, $"seed {seed}, round {round}");
            }
            catch (CacheException e)
            {
                Assert.True(e.Error is CacheError.Corrupt or CacheError.Unsupported or CacheError.Unreachable, $"{e} (seed {seed}, round {round})");
            }

            await draining.WaitAsync(s_long);
            Assert.True(pool.LiveLeases == 0, $"{pool.LiveLeases} leases left (seed {seed}, round {round})");
        }

        pool.Verify();
    }

    private static byte[] Stream(Random random, FrameConnectionOptions options, bool greets)
    {
        MemoryStream stream = new();
        if (greets)
        {
            Write(stream, new FrameHeader(FrameKind.Hello, 0, 0, 0, 0, 0, 0, 0), new Greeting(options.Service, 1, options.Limits).Write());
        }

        int frames = random.Next(0, 12);
        for (int i = 0; i < frames; i++)
        {
            byte[] payload = new byte[random.Next(4) == 0 ? random.Next(0, 40 << 10) : random.Next(0, 200)];
            random.NextBytes(payload);
            FrameKind kind = random.Next(3) > 0 ? FrameKind.Request : (FrameKind)random.Next(0, 9);
            Write(stream, new FrameHeader(kind, (ulong)random.Next(0, 30), 0, (byte)(random.Next(10) == 0 ? 1 : 0), (uint)random.Next(1, 50), (ushort)random.Next(0, 5), 0, 0), payload);
        }

        byte[] bytes = stream.ToArray();
        for (int damage = random.Next(0, 3); damage > 0 && bytes.Length > 0; damage--)
        {
            bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
        }

        return random.Next(4) == 0 ? bytes[..random.Next(bytes.Length + 1)] : bytes;
    }

    private static void Write(MemoryStream stream, FrameHeader header, byte[] payload)
    {
        byte[] bytes = new byte[FrameHeader.Bytes];
        (header with { PayloadBytes = payload.Length, PayloadChecksum = Crc32C.Of(payload) }).Write(bytes);
        stream.Write(bytes);
        stream.Write(payload);
    }

    private static async Task DrainAsync(PipeReader reader)
    {
        while (true)
        {
            ReadResult result = await reader.ReadAsync();
            reader.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                return;
            }
        }
    }
}
