using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MLPlatform.UnderStore.Local;

/// <summary>
/// The names of one directory in byte order, in memory bounded however large the directory is: each pass over it keeps the
/// smallest names after the last one given. One thread at a time uses it; it knows nothing of what the names are.
/// </summary>
internal sealed unsafe class DirectoryNames : IDisposable
{
    private const int BufferBytes = 64 << 10;

    // struct linux_dirent64: u64 d_ino, s64 d_off, u16 d_reclen, u8 d_type, then the name with its NUL.
    private const int RecordLengthOffset = 16;
    private const int NameOffset = 19;

    private static readonly Comparer<byte[]> s_byBytes = Comparer<byte[]>.Create(static (a, b) => a.AsSpan().SequenceCompareTo(b));

    private readonly RootDirectory _root;
    private readonly byte[] _path;
    private readonly byte[]? _before;
    private readonly int _namesPerPass;
    private readonly List<byte[]> _names = [];
    private byte[]? _position;
    private int _next;
    private bool _more = true;
    private SafeFileHandle? _handle;

    /// <param name="after">First name is the least after this one; null from the start.</param>
    /// <param name="before">No name from this one on; null to the end.</param>
    public DirectoryNames(RootDirectory root, byte[] path, byte[]? after, byte[]? before, int namesPerPass)
    {
        _root = root;
        _path = path;
        _position = after;
        _before = before;
        _namesPerPass = namesPerPass;
    }

    /// <summary>The directory itself, open since the first name.</summary>
    public int Descriptor => (int)_handle!.DangerousGetHandle();

    /// <summary>The last name given.</summary>
    public ReadOnlySpan<byte> Position => _position;

    /// <summary>True when nothing comes after <see cref="Position"/>.</summary>
    public bool AtEnd => _next >= _names.Count && !_more;

    public bool TryNext(CancellationToken cancellationToken, out ReadOnlySpan<byte> name)
    {
        while (_next >= _names.Count)
        {
            if (!_more)
            {
                name = default;
                return false;
            }

            Pass(cancellationToken);
        }

        _position = _names[_next++];
        name = _position;
        return true;
    }

    public void Dispose() => _handle?.Dispose();

    private void Pass(CancellationToken cancellationToken)
    {
        _names.Clear();
        _next = 0;
        _more = false;

        // A fresh descriptor for each pass: rewinding one is not promised to show what was added since.
        SafeFileHandle handle = _root.Open(_path, Libc.O_RDONLY | Libc.O_DIRECTORY);
        _handle?.Dispose();
        _handle = handle;
        byte* buffer = (byte*)NativeMemory.Alloc(BufferBytes);
        try
        {
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                nint length = Libc.GetDents64(Descriptor, buffer, BufferBytes);
                if (length < 0)
                {
                    int errno = Marshal.GetLastPInvokeError();
                    if (errno == Libc.EINTR)
                    {
                        continue;
                    }

                    throw FileErrors.From(errno, _root.Display(_path), "Listing");
                }

                if (length == 0)
                {
                    break;
                }

                for (nint at = 0; at < length; at += *(ushort*)(buffer + at + RecordLengthOffset))
                {
                    Add(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(buffer + at + NameOffset));
                }
            }
        }
        finally
        {
            NativeMemory.Free(buffer);
        }

        _names.Sort(s_byBytes);
        Cut();
    }

    private void Add(ReadOnlySpan<byte> name)
    {
        if (name.SequenceEqual("."u8) || name.SequenceEqual(".."u8))
        {
            return;
        }

        if ((_position is not null && name.SequenceCompareTo(_position) <= 0) || (_before is not null && name.SequenceCompareTo(_before) >= 0))
        {
            return;
        }

        if (_more && name.SequenceCompareTo(_names[_namesPerPass - 1]) >= 0)
        {
            return; // Beyond those that this pass keeps.
        }

        _names.Add(name.ToArray());
        if (_names.Count >= 2 * _namesPerPass)
        {
            _names.Sort(s_byBytes);
            Cut();
        }
    }

    private void Cut()
    {
        if (_names.Count > _namesPerPass)
        {
            _names.RemoveRange(_namesPerPass, _names.Count - _namesPerPass);
            _more = true;
        }
    }
}
