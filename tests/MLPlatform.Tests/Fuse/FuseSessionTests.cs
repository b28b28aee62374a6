using System.Buffers.Binary;
using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Core;
using MLPlatform.Fuse;
using MLPlatform.Lab;
using Xunit;

namespace MLPlatform.Tests.Fuse;

public sealed class FuseSessionTests : IDisposable
{
    private readonly FakeKernel _kernel = new();
    private readonly ScriptedFileSystem _fileSystem = new();
    private readonly FuseSession _session;

    public FuseSessionTests()
    {
        _session = new FuseSession(_fileSystem, _kernel.Device, new FuseSessionOptions { Threads = 2 }, NullLogger.Instance);
        _session.Start();
        Assert.Equal(80u, _kernel.Receive().Length); // INIT's reply
    }

    public void Dispose()
    {
        _kernel.Dispose();
        _session.Completion.Wait(TimeSpan.FromSeconds(10));
        _session.Dispose();
    }

    [Fact]
    public void Lookup_KnownName_RepliesTheGoldenBytes()
    {
        FakeReply reply = _kernel.Ask(1, 1, "file\0"u8);
        Assert.Equal(144, reply.Whole.Length);
        Assert.Equal(_kernel.LastUnique, reply.Unique);

        // fuse_entry_out: nodeid 42, generation 0, validities 3.5 s, then fuse_attr.
        string expected =
            "2A00000000000000" + "0000000000000000" + "0300000000000000" + "0300000000000000" + "0065CD1D" + "0065CD1D" +
            "2A00000000000000" + "E803000000000000" + "0200000000000000" +
            "0100000000000000" + "0100000000000000" + "0100000000000000" + "0165CD1D" + "0165CD1D" + "0165CD1D" +
            "A4810000" + "01000000" + "0B000000" + "0C000000" + "00000000" + "00000200" + "00000000";
        Assert.Equal(expected, Convert.ToHexString(reply.Body));
    }

    [Fact]
    public void Lookup_UnknownName_RepliesANegativeEntryWithValidity()
    {
        FakeReply reply = _kernel.Ask(1, 1, "other\0"u8);
        Assert.Equal(0, reply.Error);
        Assert.Equal(0ul, BinaryPrimitives.ReadUInt64LittleEndian(reply.Body));
        Assert.Equal(3ul, BinaryPrimitives.ReadUInt64LittleEndian(reply.Body[16..]));
    }

    [Fact]
    public void ReadDirPlus_EntryNotToRemember_HasNodeIdZeroAndItsName()
    {
        byte[] body = new byte[40];
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(16), 4096);
        FakeReply reply = _kernel.Ask(44, 1, body);
        Assert.Equal(3 * 160, reply.Body.Length);
        Assert.Equal(10ul, BinaryPrimitives.ReadUInt64LittleEndian(reply.Body));
        Assert.Equal(0ul, BinaryPrimitives.ReadUInt64LittleEndian(reply.Body[160..]));
        Assert.Equal("abc"u8, reply.Body.Slice(160 + 128 + 24, 3));
        Assert.Equal(8u, BinaryPrimitives.ReadUInt32LittleEndian(reply.Body[(128 + 20)..])); // DT_REG
    }

    [Fact]
    public void ReadDir_ReplyTooSmallForAll_EndsAtAWholeEntry()
    {
        byte[] body = new byte[40];
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(16), 70);
        Assert.Equal(64, _kernel.Ask(28, 1, body).Body.Length);
    }

    [Theory]
    [InlineData(4)] // SETATTR
    [InlineData(6)]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(10)]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(21)] // SETXATTR
    [InlineData(24)]
    [InlineData(35)] // CREATE
    [InlineData(43)]
    [InlineData(45)]
    [InlineData(47)]
    [InlineData(51)]
    public void Mutation_AnyOpcode_RepliesErofs(uint opcode) => Assert.Equal((int)Errno.EROFS, _kernel.Ask(opcode, 1, new byte[128]).Error);

    [Theory]
    [InlineData(14)] // OPEN: opens are off
    [InlineData(27)]
    [InlineData(25)]
    [InlineData(39)]
    [InlineData(52)]
    [InlineData(63)]
    [InlineData(4000)]
    public void Operation_NotServed_RepliesEnosys(uint opcode) => Assert.Equal((int)Errno.ENOSYS, _kernel.Ask(opcode, 1, new byte[128]).Error);

    [Fact]
    public void Handler_ThrowsAFault_RepliesItsErrno()
    {
        _fileSystem.Throw = new CacheException(CacheError.VersionChanged, "changed");
        Assert.Equal((int)Errno.ESTALE, _kernel.Ask(1, 1, "file\0"u8).Error);
    }

    [Fact]
    public void Handler_HasABug_RepliesEioAndGoesOn()
    {
        _fileSystem.Throw = new InvalidOperationException("bug");
        Assert.Equal((int)Errno.EIO, _kernel.Ask(1, 1, "file\0"u8).Error);
        _fileSystem.Throw = null;
        Assert.Equal(0, _kernel.Ask(1, 1, "file\0"u8).Error);
    }

    [Fact]
    public void Forgets_SingleAndBatch_ReachTheFileSystemWithoutReplies()
    {
        byte[] one = new byte[8];
        one[0] = 5;
        _kernel.Send(2, 7, one);
        byte[] batch = new byte[8 + 32];
        batch[0] = 2;
        batch[8] = 8;
        batch[16] = 1;
        batch[24] = 9;
        batch[32] = 2;
        _kernel.Send(42, 0, batch);
        Assert.Equal(0, _kernel.Ask(3, 42, new byte[16]).Error); // The next reply is GETATTR's.
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                lock (_fileSystem.Forgotten)
                {
                    return _fileSystem.Forgotten.Count == 3;
                }
            },
            TimeSpan.FromSeconds(10)));
        Assert.Equal(new List<(ulong, ulong)> { (7, 5), (8, 1), (9, 2) }, _fileSystem.Forgotten.Order());
    }

    [Fact]
    public void BatchForget_CountBeyondItsBody_ReadsNothingBehindIt()
    {
        byte[] batch = new byte[8 + 16];
        batch[0] = 255;
        batch[8] = 8;
        batch[16] = 1;
        _kernel.Send(42, 0, batch);
        Assert.Equal(0, _kernel.Ask(3, 42, new byte[16]).Error);
        Assert.True(SpinWait.SpinUntil(() => _fileSystem.Forgotten.Count == 1, TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public void Interrupt_OfAWaitingRead_CancelsItAndTheReadIsAnswered()
    {
        _fileSystem.OnRead = request => _ = Wait(request);
        ulong read = _kernel.Send(15, 42, new byte[40]);
        byte[] body = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(body, read);
        Assert.True(SpinWait.SpinUntil(() => _session.PendingRequests == 1, TimeSpan.FromSeconds(10)));
        FakeReply reply = _kernel.Ask(36, 0, body);
        Assert.Equal(read, reply.Unique);
        Assert.Equal((int)Errno.EINTR, reply.Error);
        Assert.True(SpinWait.SpinUntil(() => _session.PendingRequests == 0, TimeSpan.FromSeconds(10)));

        static async Task Wait(FuseRequest request)
        {
            using FuseWait wait = request.BeginWait();
            try
            {
                await Task.Delay(Timeout.Infinite, wait.Token);
            }
            catch (OperationCanceledException e)
            {
                request.ReplyError(e);
            }
        }
    }

    [Fact]
    public void Interrupt_OfNothingThatWaits_AsksTheKernelToComeAgain()
    {
        byte[] body = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(body, 12345);
        Assert.Equal((int)Errno.EAGAIN, _kernel.Ask(36, 0, body).Error);
    }

    [Fact]
    public void Read_AnsweredFromAnotherThread_CarriesItsOwnNumber()
    {
        TaskCompletionSource<FuseRequest> first = new();
        _fileSystem.OnRead = request =>
        {
            if (!first.TrySetResult(request))
            {
                request.ReplyBytes("two"u8);
            }
        };
        ulong one = _kernel.Send(15, 42, new byte[40]);
        Assert.True(first.Task.Wait(TimeSpan.FromSeconds(10)));
        ulong two = _kernel.Send(15, 42, new byte[40]);
        Assert.Equal(two, _kernel.Receive().Unique);
        first.Task.Result.ReplyBytes("one"u8);
        FakeReply reply = _kernel.Receive();
        Assert.Equal(one, reply.Unique);
        Assert.Equal("one"u8, reply.Body);
    }

    [Theory]
    [InlineData(1u, 0)]
    [InlineData(15u, 39)]
    [InlineData(28u, 8)]
    [InlineData(16u, 20)]
    [InlineData(22u, 8)]
    public void Request_ShorterThanItsStruct_RepliesEio(uint opcode, int bytes) =>
        Assert.Equal((int)Errno.EIO, _kernel.Ask(opcode, 1, new byte[bytes]).Error);

    [Fact]
    public void RequestCounts_AfterRequests_NamesThemInLowerCase()
    {
        _kernel.Ask(3, 42, new byte[16]);
        _kernel.Ask(3, 42, new byte[16]);
        Assert.Contains(new KeyValuePair<string, long>("getattr", 2), _session.RequestCounts());
    }

    [Fact]
    public async Task Connection_Ends_SessionCompletesAndWaitsAreCancelled()
    {
        TaskCompletionSource cancelled = new();
        _fileSystem.OnRead = request => request.BeginWait().Token.Register(cancelled.SetResult);
        _kernel.Send(15, 42, new byte[40]);
        Assert.True(SpinWait.SpinUntil(() => _session.PendingRequests == 1, TimeSpan.FromSeconds(10)));
        _kernel.Dispose();
        await _session.Completion.WaitAsync(TimeSpan.FromSeconds(10));
        await cancelled.Task.WaitAsync(TimeSpan.FromSeconds(10));
    }
}
