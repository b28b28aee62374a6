using MLPlatform.Fuse;

namespace HelloFs;

/// <summary>A root directory that holds <c>hello</c>.</summary>
internal sealed class HelloFileSystem : FuseFileSystem
{
    private const ulong Root = 1;
    private const ulong Hello = 2;

    private static readonly TimeSpan s_day = TimeSpan.FromDays(1);
    private static readonly byte[] s_text = "Hello, kernel!\n"u8.ToArray();

    public override void Lookup(in FuseRequest request, ReadOnlySpan<byte> name)
    {
        if (request.Inode == Root && name.SequenceEqual("hello"u8))
        {
            request.ReplyEntry(Attributes(Hello), s_day);
        }
        else
        {
            request.ReplyMissing(s_day);
        }
    }

    public override void GetAttributes(in FuseRequest request) => request.ReplyAttributes(Attributes(request.Inode), s_day);

    public override void Read(in FuseRequest request, ulong handle, long offset, int count)
    {
        int from = (int)Math.Min(offset, s_text.Length);
        request.ReplyBytes(s_text.AsSpan(from, Math.Min(count, s_text.Length - from)));
    }

    public override void ReadDirectory(in FuseRequest request, ulong cookie, int count, bool plus)
    {
        FuseDirectoryReply reply = request.BeginDirectory(count, plus);
        if (cookie == 0)
        {
            reply.TryAdd("hello"u8, Attributes(Hello), s_day, 1, remember: true);
        }

        reply.Send();
    }

    public override void StatFs(in FuseRequest request) => request.ReplyStatFs(new FuseStatFs { BlockSize = 4096, Files = 1 });

    private static FuseAttributes Attributes(ulong inode) => new()
    {
        Inode = inode,
        Kind = inode == Root ? FuseFileKind.Directory : FuseFileKind.File,
        Permissions = inode == Root ? (ushort)0x16D : (ushort)0x124,
        LinkCount = 1,
        Size = inode == Root ? 0 : s_text.Length,
    };
}
