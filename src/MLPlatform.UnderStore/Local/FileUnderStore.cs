using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;

namespace MLPlatform.UnderStore.Local;

/// <summary>
/// A directory of this machine as an under-store. Any thread may call it; blocking calls run on threads of its own. It
/// knows nothing of datasets: names that POSIX cannot hold do not occur, and links are shown, never followed.
/// </summary>
internal sealed partial class FileUnderStore : IUnderStore
{
    // A disk gains nothing from more: NVMe reaches its rate with some 16 outstanding reads of 1 MiB.
    private const int MaxReadThreads = 16;

    // A walk waits for metadata, mostly in memory; these keep a network file system's latency busy without crowding out reads.
    private const int MaxListThreads = 8;

    // Between two chunks the token is looked at, so an interrupted reader waits for one chunk at most.
    private const int ReadChunkBytes = 1 << 20;

    private readonly RootDirectory _root;
    private readonly IoThreads _readers;
    private readonly IoThreads _listers;
    private readonly int _maxNamesPerPass;

    /// <param name="path">Absolute path of the root.</param>
    /// <param name="maxNamesPerPass">Names of one directory held at once; a larger directory is read several times.</param>
    /// <param name="walkAlways">See <see cref="RootDirectory"/>.</param>
    public FileUnderStore(string path, UnderStoreOptions options, int maxNamesPerPass = DefaultNamesPerPass, bool walkAlways = false)
    {
        _root = new RootDirectory(path, walkAlways);
        _maxNamesPerPass = maxNamesPerPass;
        SuggestedParallelism = Math.Clamp(options.MaxParallelism, 1, MaxReadThreads);
        _readers = new IoThreads("mlp-file-read", SuggestedParallelism);
        _listers = new IoThreads("mlp-file-list", MaxListThreads);
        Uri = path == "/" ? "file:///" : "file://" + path;
    }

    public string Uri { get; }

    public bool ReadsAreGuarded => false;

    public int SuggestedParallelism { get; }

    public UnderStoreCounters Counters { get; } = new();

    public Task CheckAsync(CancellationToken cancellationToken) =>
        _listers.RunAsync(
            () =>
            {
                _root.Reopen();
                return true;
            },
            cancellationToken);

    public ValueTask<StoreEntry?> StatAsync(ReadOnlyMemory<byte> path, CancellationToken cancellationToken)
    {
        Counters.AddHead();
        return new ValueTask<StoreEntry?>(_listers.RunAsync(() => Stat(path), cancellationToken));
    }

    public Task ReadAsync(StoreObject storeObject, long offset, long count, IReadSink sink, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, storeObject.Size - count);
        Counters.AddGet();
        return _readers.RunAsync(
            () =>
            {
                try
                {
                    Read(storeObject, storeObject.Offset + offset, count, sink, cancellationToken);
                }
                catch (CacheException)
                {
                    Counters.AddError();
                    throw;
                }

                return true;
            },
            cancellationToken);
    }

    public SafeFileHandle? OpenLocal(StoreObject storeObject)
    {
        if (storeObject.IsRange)
        {
            return null;
        }

        SafeFileHandle handle = OpenForRead(storeObject);
        try
        {
            CheckVersion(handle, storeObject);
            return handle;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    public ValueTask DisposeAsync()
    {
        _readers.Dispose();
        _listers.Dispose();
        _root.Dispose();
        return ValueTask.CompletedTask;
    }

    private static StoreEntry ToEntry(byte[] path, StoreEntryKind kind, in StatxBuffer stat, byte[]? target) => new()
    {
        Path = path,
        Kind = kind,
        Size = kind == StoreEntryKind.Directory ? 0 : (long)stat.Size,
        MtimeNanoseconds = stat.MtimeTotalNanoseconds,
        Mode = (ushort)(stat.Mode & 0xFFF),
        Uid = stat.Uid,
        Gid = stat.Gid,
        Identity = kind == StoreEntryKind.File ? ObjectIdentity.FromFile(stat.MtimeTotalNanoseconds, stat.Inode) : ObjectIdentity.None,
        LinkTarget = target,
    };

    private static StoreEntryKind? KindOf(in StatxBuffer stat) => stat.Type switch
    {
        Libc.ModeDirectory => StoreEntryKind.Directory,
        Libc.ModeRegular => StoreEntryKind.File,
        Libc.ModeSymbolicLink => StoreEntryKind.SymbolicLink,
        _ => null, // Pipes, sockets and devices are no data.
    };

    // O_NONBLOCK: opening a pipe that took the file's place must not wait for a writer.
    private SafeFileHandle OpenForRead(StoreObject storeObject) => _root.Open(storeObject.Path, Libc.O_RDONLY | Libc.O_NONBLOCK);

    private unsafe StoreEntry? Stat(ReadOnlyMemory<byte> path)
    {
        if (!RootDirectory.IsValid(path.Span))
        {
            return null;
        }

        try
        {
            using SafeFileHandle handle = _root.Open(path.Span, Libc.O_PATH);
            StatxBuffer stat = RootDirectory.Stat(handle, _root.Display(path.Span));
            if (KindOf(stat) is not { } kind)
            {
                return null;
            }

            byte empty = 0;
            byte[]? target = kind == StoreEntryKind.SymbolicLink ? RootDirectory.ReadLink((int)handle.DangerousGetHandle(), &empty) : null;
            return ToEntry(path.ToArray(), kind, stat, target);
        }
        catch (CacheException e) when (e.Error is CacheError.NotFound or CacheError.InvalidName)
        {
            return null;
        }
    }

    private void CheckVersion(SafeFileHandle handle, StoreObject wanted)
    {
        StatxBuffer stat = RootDirectory.Stat(handle, _root.Display(wanted.Path));
        if (stat.Type != Libc.ModeRegular || (long)stat.Size != wanted.ObjectSize || ObjectIdentity.FromFile(stat.MtimeTotalNanoseconds, stat.Inode) != wanted.Identity)
        {
            throw FileErrors.Changed(_root.Display(wanted.Path));
        }
    }

    private unsafe void Read(StoreObject wanted, long offset, long count, IReadSink sink, CancellationToken cancellationToken)
    {
        using SafeFileHandle handle = OpenForRead(wanted);
        CheckVersion(handle, wanted); // Most changes show here, before any byte is read in vain.
        int descriptor = (int)handle.DangerousGetHandle();
        while (count > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Memory<byte> buffer = sink.NextBuffer;
            Invariant.That(!buffer.IsEmpty, "a sink has room until the whole range arrived");
            nuint step = (nuint)Math.Min(Math.Min(buffer.Length, ReadChunkBytes), count);
            nint got;
            fixed (byte* p = buffer.Span)
            {
                got = Libc.Pread(descriptor, p, step, offset);
            }

            if (got < 0)
            {
                int errno = Marshal.GetLastPInvokeError();
                if (errno == Libc.EINTR)
                {
                    continue;
                }

                throw errno is Libc.EISDIR or Libc.ESTALE ? FileErrors.Changed(_root.Display(wanted.Path)) : FileErrors.From(errno, _root.Display(wanted.Path), "Reading");
            }

            if (got == 0)
            {
                throw FileErrors.Changed(_root.Display(wanted.Path)); // Cut while we read.
            }

            Counters.AddBytes(got);
            sink.Advance((int)got);
            offset += got;
            count -= got;
        }

        // The descriptor's own stat: a file replaced by rename meanwhile leaves the bytes read here those of the wanted version.
        CheckVersion(handle, wanted);
    }
}
