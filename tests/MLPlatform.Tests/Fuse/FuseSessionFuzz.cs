using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Core;
using MLPlatform.Fuse;
using MLPlatform.Lab;
using Xunit;
using Xunit.Abstractions;

namespace MLPlatform.Tests.Fuse;

/// <summary>Requests of random bytes: the session answers or ignores each, and afterwards still serves a good one.</summary>
public sealed class FuseSessionFuzz(ITestOutputHelper output)
{
    [Fact]
    public void Session_RandomRequests_SurvivesAndAnswersEachAtMostOnce()
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        Random random = new(seed);
        using FakeKernel kernel = new();
        using FuseSession session = new(new ScriptedFileSystem(), kernel.Device, new FuseSessionOptions { Threads = 1 }, NullLogger.Instance);
        session.Start();
        kernel.Receive();
        for (int i = 0; i < 20_000; i++)
        {
            byte[] body = new byte[random.Next(0, random.Next(2) == 0 ? 64 : 4000)];
            random.NextBytes(body);
            uint opcode = random.Next(8) == 0 ? (uint)random.Next() : (uint)random.Next(64);
            ulong unique = kernel.Send(opcode, (ulong)random.NextInt64(), body);

            // An answered fence shows that the random request was dealt with, and how often.
            ulong fence = kernel.Send(3, 42, new byte[16]);
            int answers = 0;
            while (true)
            {
                FakeReply reply = kernel.Receive();
                Assert.False(reply.IsEmpty, $"no answer to the request after opcode {opcode} (seed {seed}, round {i})");
                if (reply.Unique == fence)
                {
                    break;
                }

                if (opcode != 36)
                {
                    Assert.Equal(unique, reply.Unique);
                }

                answers++;
            }

            Assert.True(answers <= 1, $"{answers} answers to opcode {opcode} (seed {seed}, round {i})");
            bool silent = opcode is 2 or 42;
            Assert.True(silent || answers == 1 || opcode == 36, $"opcode {opcode} was not answered (seed {seed}, round {i})");
        }

        kernel.Dispose();
        Assert.True(session.Completion.Wait(TimeSpan.FromSeconds(10)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(39)]
    public void Session_MessageShorterThanAHeader_EndsTheConnectionCleanly(int bytes)
    {
        using FakeKernel kernel = new();
        using FuseSession session = new(new ScriptedFileSystem(), kernel.Device, new FuseSessionOptions { Threads = 1 }, NullLogger.Instance);
        session.Start();
        kernel.Receive();
        kernel.SendRaw(new byte[bytes]);
        Assert.True(session.Completion.Wait(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public void Start_KernelOfAnotherMajor_IsRefusedByNumber()
    {
        using FakeKernel kernel = new(major: 8);
        using FuseSession session = new(new ScriptedFileSystem(), kernel.Device, new FuseSessionOptions { Threads = 1 }, NullLogger.Instance);
        CacheException e = Assert.Throws<CacheException>(session.Start);
        Assert.Contains("FUSE 8.45", e.Message, StringComparison.Ordinal);
    }
}
