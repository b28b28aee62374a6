using MLPlatform.Fuse.Kernel;

namespace MLPlatform.Fuse;

/// <summary>The answer to one READDIR or READDIRPLUS, filled entry by entry.</summary>
public unsafe ref struct FuseDirectoryReply
{
    private readonly FuseRequest _request;
    private readonly FuseBuffers _buffers;
    private readonly int _limit;
    private readonly bool _plus;
    private byte* _buffer;
    private int _length;

    internal FuseDirectoryReply(FuseRequest request, FuseBuffers buffers, int count, bool plus)
    {
        _request = request;
        _buffers = buffers;
        _plus = plus;
        _buffer = buffers.Rent();
        _limit = Math.Min(count, FuseBuffers.PayloadBytes);
    }

    /// <param name="name">One component; <c>.</c> and <c>..</c> are given like any other.</param>
    /// <param name="attributes">Kind and inode number are used always, the rest with attributes only.</param>
    /// <param name="validity">As for a lookup.</param>
    /// <param name="nextCookie">Where a later READDIR goes on.</param>
    /// <param name="remember">False: the kernel gets the name alone and takes no reference, even when it asked for attributes.</param>
    /// <returns>False when the entry does not fit.</returns>
    public bool TryAdd(scoped ReadOnlySpan<byte> name, scoped in FuseAttributes attributes, TimeSpan validity, ulong nextCookie, bool remember)
    {
        int fixedPart = sizeof(Dirent) + (_plus ? sizeof(EntryOut) : 0);
        int size = (fixedPart + name.Length + 7) & ~7;
        if (_length + size > _limit)
        {
            return false;
        }

        byte* at = _buffer + sizeof(OutHeader) + _length;
        if (_plus)
        {
            EntryOut* entry = (EntryOut*)at;
            *entry = default; // Node id 0: the kernel takes the name alone (fuse_direntplus_link).
            if (remember)
            {
                Abi.Fill(ref *entry, attributes, validity);
            }

            at += sizeof(EntryOut);
        }

        *(Dirent*)at = new Dirent
        {
            Inode = attributes.Inode,
            Offset = nextCookie,
            NameLength = (uint)name.Length,
            Type = (uint)attributes.Kind >> 12,
        };
        at += sizeof(Dirent);
        name.CopyTo(new Span<byte>(at, name.Length));
        new Span<byte>(at + name.Length, size - fixedPart - name.Length).Clear();
        _length += size;
        return true;
    }

    public void Send()
    {
        _request.SendBuffer(_buffer, _length);
        Dispose();
    }

    public void Dispose()
    {
        if (_buffer != null)
        {
            _buffers.Return(_buffer);
            _buffer = null;
        }
    }
}
