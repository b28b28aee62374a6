using MLPlatform.Fuse;

namespace MLPlatform.Tests.Fuse;

/// <summary>A file system whose interesting answers a test sets; the rest is one file of bytes 0, 1, 2….</summary>
internal sealed class ScriptedFileSystem : FuseFileSystem
{
    public static readonly TimeSpan Validity = TimeSpan.FromSeconds(3.5);

    public Action<FuseRequest>? OnRead { get; set; }

    public Exception? Throw { get; set; }

    public List<(ulong Inode, ulong Count)> Forgotten { get; } = [];

    public override void Lookup(in FuseRequest request, ReadOnlySpan<byte> name)
    {
        if (Throw is not null)
        {
            throw Throw;
        }

        if (name.SequenceEqual("file"u8))
        {
            request.ReplyEntry(File, Validity);
        }
        else
        {
            request.ReplyMissing(Validity);
        }
    }

    public override void Forget(ulong inode, ulong count)
    {
        lock (Forgotten)
        {
            Forgotten.Add((inode, count));
        }
    }

    public override void GetAttributes(in FuseRequest request) => request.ReplyAttributes(File, Validity);

    public override void Read(in FuseRequest request, ulong handle, long offset, int count)
    {
        if (OnRead is not null)
        {
            OnRead(request);
            return;
        }

        byte[] bytes = new byte[Math.Min(count, 64)];
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)(offset + i);
        }

        request.ReplyBytes(bytes);
    }

    public override void ReadDirectory(in FuseRequest request, ulong cookie, int count, bool plus)
    {
        FuseDirectoryReply reply = request.BeginDirectory(count, plus);
        for (ulong i = cookie; i < 3; i++)
        {
            if (!reply.TryAdd("abc"u8, File with { Inode = 10 + i }, Validity, i + 1, remember: i != 1))
            {
                break;
            }
        }

        reply.Send();
    }

    public override void StatFs(in FuseRequest request) => request.ReplyStatFs(new FuseStatFs { Blocks = 5, BlockSize = 4096, Files = 7 });

    private static FuseAttributes File => new() { Inode = 42, Size = 1000, Kind = FuseFileKind.File, Permissions = 0x1A4, LinkCount = 1, Uid = 11, Gid = 12, MtimeNanoseconds = 1_500_000_001 };
}
