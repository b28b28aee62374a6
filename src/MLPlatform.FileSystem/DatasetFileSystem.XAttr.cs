using System.Globalization;
using System.Text;
using MLPlatform.Datasets;
using MLPlatform.Fuse;

namespace MLPlatform.FileSystem;

/// <summary>Extended attributes <c>user.mlp.*</c> of files: what they are a version of.</summary>
public sealed partial class DatasetFileSystem
{
    private const string Prefix = "user.mlp.";
    private static readonly string[] s_fileAttributes = ["uri", "identity", "version", "inode"];

    public override void GetXAttr(in FuseRequest request, ReadOnlySpan<byte> name, int size)
    {
        // security.capability is asked before every exec, system.posix_acl_* by ls: they must cost nothing.
        if (!name.StartsWith("user.mlp."u8) || ValueOf(request.Inode, Encoding.UTF8.GetString(name[Prefix.Length..])) is not { } value)
        {
            request.ReplyError(Errno.ENODATA);
            return;
        }

        request.ReplyXAttr(Encoding.UTF8.GetBytes(value), size);
    }

    public override void ListXAttr(in FuseRequest request, int size)
    {
        ulong inode = request.Inode;
        string names = string.Concat(s_fileAttributes.Where(name => ValueOf(inode, name) is not null).Select(name => Prefix + name + '\0'));
        request.ReplyXAttr(Encoding.UTF8.GetBytes(names), size);
    }

    private string? ValueOf(ulong inode, string name)
    {
        if (name == "version")
        {
            return _tree.Status.Version;
        }

        if (name == "inode")
        {
            return inode.ToString(CultureInfo.InvariantCulture);
        }

        FileVersion? file = _tree.GetFile(inode);
        return name switch
        {
            "uri" => file?.DisplayUri,
            "identity" => file?.Object.Identity.ToString(),
            _ => null,
        };
    }
}
