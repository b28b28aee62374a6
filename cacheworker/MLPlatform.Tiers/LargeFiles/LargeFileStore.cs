using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;
using MLPlatform.Tiers.Devices;

namespace MLPlatform.Tiers.LargeFiles;

/// <summary>
/// The home of files above 1 MiB on one device: <c>ab/KEY.dat</c> and <c>ab/KEY.map</c> for each, <c>ab</c> the first two digits of the key. Any thread may call
/// it. Descriptors are opened on use and bounded; a file costs some 150 bytes of memory while nobody uses it.
/// </summary>
internal sealed class LargeFileStore : IAsyncDisposable
{
    private const string DataExtension = ".dat";
    private const string MapExtension = ".map";

    // A unit less a page: what is more than this is space without presence, which a kill left between data and map; what is less may be the file system's own notes of extents.
    private const long TolerableWasteBytes = CacheUnits.UnitBytes - 4096;

    // Disk operations of writers end, or the disk is lost.
    private static readonly TimeSpan s_closeDeadline = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<FileKey, LargeFile> _all = new();
    private readonly string _directory;
    private readonly Guid _cacheId;
    private readonly LargeFileOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _opening = new();
    private readonly HashSet<LargeFile> _open = [];
    private readonly TaskCompletionSource _quiet = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _presentBytes;
    private long _dataBytes;
    private long _mapBytes;
    private long _unlinkedBytes;
    private long _checksumFailures;

    // Those who change files, and one for the store being open.
    private int _changers = 1;
    private int _closed;

    private LargeFileStore(IDeviceFiles files, string directory, Guid cacheId, LargeFileOptions options, TimeProvider time, ILogger logger)
    {
        Files = files;
        _directory = directory;
        _cacheId = cacheId;
        _options = options;
        _time = time;
        _logger = logger;
    }

    /// <summary>Tells of payload bytes of a file that came or went, for whatever reason. Called under the file's lock; must be quick and call nothing of the store.</summary>
    public event Action<LargeFile, long>? PayloadChanged;

    /// <summary>Tells of a file that left, for whatever reason. As above.</summary>
    public event Action<LargeFile>? Removed;

    public IDeviceFiles Files { get; }

    public int Count => _all.Count;

    /// <summary>Payload bytes.</summary>
    public long PresentBytes => Interlocked.Read(ref _presentBytes);

    /// <summary>Bytes on the device: payload in whole pages, maps, and files that have left but are still read by somebody.</summary>
    public long DiskBytes => Interlocked.Read(ref _dataBytes) + Interlocked.Read(ref _mapBytes) + Interlocked.Read(ref _unlinkedBytes);

    /// <summary>Units found wrong since start.</summary>
    public long ChecksumFailures => Interlocked.Read(ref _checksumFailures);

    /// <summary>Files whose descriptors are held.</summary>
    public int OpenFiles
    {
        get
        {
            lock (_opening)
            {
                return _open.Count;
            }
        }
    }

    internal bool IsClosed => Volatile.Read(ref _closed) != 0;

    internal long Now => _time.GetTimestamp();

    /// <summary>Opens what a directory holds. What is no pair of data and valid map is removed; space that a kill left without presence is given back.</summary>
    /// <exception cref="CacheException"><c>DeviceFailed</c>.</exception>
    public static LargeFileStore Open(IDeviceFiles files, string directory, Guid cacheId, LargeFileOptions options, TimeProvider time, ILogger logger)
    {
        LargeFileStore store = new(files, directory, cacheId, options, time, logger);
        files.CreateDirectory(directory);
        for (int i = 0; i < 256; i++)
        {
            string folder = Path.Combine(directory, i.ToString("x2", System.Globalization.CultureInfo.InvariantCulture));
            if (Directory.Exists(folder))
            {
                store.OpenFolder(folder);
            }
        }

        return store;
    }

    /// <returns>Null when nothing of it is here.</returns>
    public LargeFile? Find(in FileKey key) => _all.TryGetValue(key, out LargeFile? file) ? file : null;

    /// <summary>The file of a key, made when it is new.</summary>
    /// <exception cref="CacheException"><c>DeviceFull</c>, <c>DeviceFailed</c>; <c>NotFound</c>: the store is closed.</exception>
    public LargeFile GetOrCreate(in FileKey key, long size, uint dataset)
    {
        Invariant.That(size > 0);
        if (Find(key) is { } known)
        {
            return known;
        }

        if (!TryBeginChange())
        {
            throw new CacheException(CacheError.NotFound, "The cache is being closed.");
        }

        try
        {
            lock (_opening)
            {
                if (Find(key) is { } made)
                {
                    return made;
                }

                LargeFileInfo info = new() { Key = key, Size = size, Dataset = dataset, Created = (uint)_time.GetUtcNow().ToUnixTimeSeconds() };
                Create(info);
                LargeFile file = new(this, info);
                Interlocked.Add(ref _mapBytes, MapDiskBytes(size));
                _all[key] = file;
                return file;
            }
        }
        finally
        {
            EndChange();
        }
    }

    public void ForEach(Func<LargeFile, bool> visit)
    {
        foreach (KeyValuePair<FileKey, LargeFile> pair in _all)
        {
            if (!visit(pair.Value))
            {
                return;
            }
        }
    }

    /// <summary>Lets no change begin, waits for those under way, and closes all files. Who reads still ends in peace.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _closed, 1) != 0)
        {
            return;
        }

        EndChange();
        try
        {
            await _quiet.Task.WaitAsync(s_closeDeadline, _time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            LargeFileLog.StillWriting(_logger, _directory);
        }

        foreach (KeyValuePair<FileKey, LargeFile> pair in _all)
        {
            pair.Value.Close();
        }
    }

    /// <returns>False: the store is closed, and nothing of it may change any more: another process may own the directory.</returns>
    internal bool TryBeginChange()
    {
        int changers = Volatile.Read(ref _changers);
        while (changers > 0 && !IsClosed)
        {
            int seen = Interlocked.CompareExchange(ref _changers, changers + 1, changers);
            if (seen == changers)
            {
                return true;
            }

            changers = seen;
        }

        return false;
    }

    internal void EndChange()
    {
        if (Interlocked.Decrement(ref _changers) == 0)
        {
            _quiet.TrySetResult();
        }
    }

    internal string DataPath(in FileKey key) => Path.Combine(FolderOf(key), key + DataExtension);

    internal unsafe void WriteHeader(SafeFileHandle map, in LargeFileInfo info)
    {
        byte* header = stackalloc byte[LargeFileFormat.HeaderBytes];
        LargeFileFormat.WriteHeader(new Span<byte>(header, LargeFileFormat.HeaderBytes), _cacheId, info);
        Files.Write(map, [new NativeSegment((nint)header, LargeFileFormat.HeaderBytes)], 0);
    }

    /// <summary>Opens a file's data and map and reads the map.</summary>
    internal LargeFileContent OpenContent(in LargeFileInfo info)
    {
        SafeFileHandle data = Files.OpenWrite(DataPath(info.Key), create: false);
        SafeFileHandle? map = null;
        try
        {
            map = Files.OpenWrite(MapPath(info.Key), create: false);
            LargeFileContent content = new(data, map, CacheUnits.UnitsOf(info.Size));
            FileKey key = info.Key;
            ReadEntries(map, key, content.Units, (unit, checksum) => content.Add(unit, checksum));
            return content;
        }
        catch
        {
            map?.Dispose();
            data.Dispose();
            throw;
        }
    }

    /// <summary>Closes the files that were not used for longest until no more than the limit are open. Those that change just now stay open.</summary>
    internal void CloseBeyondLimit(LargeFile opened)
    {
        lock (_opening)
        {
            if (opened.IsGone || IsClosed || (!_open.Add(opened) && _open.Count <= _options.MaxOpenFiles) || _open.Count <= _options.MaxOpenFiles)
            {
                return;
            }

            LargeFile[] others = [.. _open];
            Array.Sort(others, static (a, b) => a.LastUse.CompareTo(b.LastUse));
            foreach (LargeFile file in others)
            {
                if (_open.Count <= _options.MaxOpenFiles)
                {
                    return;
                }

                if (file != opened && file.TryClose())
                {
                    _open.Remove(file);
                }
            }
        }
    }

    internal void CountPayload(LargeFile file, long bytes, long diskBytes)
    {
        Interlocked.Add(ref _presentBytes, bytes);
        Interlocked.Add(ref _dataBytes, diskBytes);
        if (bytes != 0)
        {
            PayloadChanged?.Invoke(file, bytes);
        }
    }

    /// <summary>Space of a file that has left and is still read.</summary>
    internal void HoldUnlinked(long bytes) => Interlocked.Add(ref _unlinkedBytes, bytes);

    internal void NoteMapDamaged(LargeFile file, long units)
    {
        Interlocked.Add(ref _checksumFailures, units);
        LargeFileLog.MapDamaged(_logger, MapPath(file.Key), units);
    }

    internal void NoteCorrupt(LargeFile file, long unit)
    {
        Interlocked.Increment(ref _checksumFailures);
        LargeFileLog.UnitCorrupt(_logger, DataPath(file.Key), unit);
    }

    /// <summary>A file leaves: map first, so that a kill in between leaves data without a map, which the next opening removes.</summary>
    internal void Forget(LargeFile file)
    {
        // All of it under the lock, so that nobody makes the file anew while its old paths go.
        lock (_opening)
        {
            _all.TryRemove(new KeyValuePair<FileKey, LargeFile>(file.Key, file));
            Interlocked.Add(ref _mapBytes, -MapDiskBytes(file.Size));
            _open.Remove(file);
            TryDelete(MapPath(file.Key));
            TryDelete(DataPath(file.Key));
        }

        Removed?.Invoke(file);
    }

    private static long MapDiskBytes(long size) => LargeFileFormat.RoundToPage(LargeFileFormat.MapBytes(size));

    private string MapPath(in FileKey key) => Path.Combine(FolderOf(key), key + MapExtension);

    private string FolderOf(in FileKey key) => Path.Combine(_directory, key.ToString()[..2]);

    private void Create(in LargeFileInfo info)
    {
        Files.CreateDirectory(FolderOf(info.Key));
        string data = DataPath(info.Key);
        string map = MapPath(info.Key);
        try
        {
            // What an earlier removal could not remove.
            Files.Delete(map);
            Files.Delete(data);
            using (SafeFileHandle file = Files.OpenWrite(data, create: true))
            {
                Files.SetLength(file, info.Size);
            }

            // With its space, so that committing units does not fail for want of it. The map last: data without a map is nothing.
            using SafeFileHandle entries = Files.OpenWrite(map, create: true);
            Files.Allocate(entries, 0, LargeFileFormat.MapBytes(info.Size));
            WriteHeader(entries, info);
        }
        catch
        {
            TryDelete(map);
            TryDelete(data);
            throw;
        }
    }

    private void OpenFolder(string folder)
    {
        HashSet<string> names = [.. Files.List(folder)];
        foreach (string name in names)
        {
            string stem = Path.GetFileNameWithoutExtension(name);
            if (name.EndsWith(MapExtension, StringComparison.Ordinal) && names.Contains(stem + DataExtension) && TryOpenFile(folder, stem))
            {
                continue;
            }

            if (name.EndsWith(DataExtension, StringComparison.Ordinal) && names.Contains(stem + MapExtension))
            {
                continue; // Its map decides.
            }

            LargeFileLog.Unusable(_logger, Path.Combine(folder, name));
            TryDelete(Path.Combine(folder, name));
            TryDelete(Path.Combine(folder, stem + DataExtension));
        }
    }

    /// <returns>False: it is of no use, and both files must go.</returns>
    private unsafe bool TryOpenFile(string folder, string stem)
    {
        // Disposed twice where the content below takes them over, which is harmless.
        using SafeFileHandle map = Files.OpenWrite(Path.Combine(folder, stem + MapExtension), create: false);
        using SafeFileHandle data = Files.OpenWrite(Path.Combine(folder, stem + DataExtension), create: false);
        byte* header = stackalloc byte[LargeFileFormat.HeaderBytes];
        int got = Files.Read(map, (nint)header, LargeFileFormat.HeaderBytes, 0, DeviceRead.Normal);
        if (!LargeFileFormat.TryReadHeader(new ReadOnlySpan<byte>(header, got), _cacheId, out LargeFileInfo info)
            || info.Key.ToString() != stem
            || Files.Length(data) != info.Size)
        {
            return false;
        }

        LargeFileContent content = new(data, map, CacheUnits.UnitsOf(info.Size));
        ReadEntries(map, info.Key, content.Units, (unit, checksum) => content.Add(unit, checksum));
        LargeFile file = new(this, info);
        try
        {
            file.SetPresent(content);
            if (file.PresentBytes == 0)
            {
                return false;
            }

            if (Files.AllocatedBytes(data) > file.PresentBytes + TolerableWasteBytes)
            {
                file.ReclaimAll(content);
            }
        }
        finally
        {
            content.Leave();
        }

        _all[info.Key] = file;
        _mapBytes += MapDiskBytes(info.Size);
        return true;
    }

    /// <summary>Calls back for each unit that is present, in order.</summary>
    private unsafe void ReadEntries(SafeFileHandle map, FileKey key, long units, Action<long, uint> present)
    {
        const int Step = 8192;
        byte* entries = (byte*)NativeMemory.Alloc(Step, LargeFileFormat.EntryBytes);
        try
        {
            for (long first = 0; first < units; first += Step)
            {
                int count = (int)Math.Min(Step, units - first);
                int got = Files.Read(map, (nint)entries, count * LargeFileFormat.EntryBytes, LargeFileFormat.EntryOffset(first), DeviceRead.Normal);
                for (int i = 0; i < got / LargeFileFormat.EntryBytes; i++)
                {
                    if (LargeFileFormat.TryReadEntry(new ReadOnlySpan<byte>(entries + (i * LargeFileFormat.EntryBytes), LargeFileFormat.EntryBytes), key, first + i, out uint checksum))
                    {
                        present(first + i, checksum);
                    }
                }
            }
        }
        finally
        {
            NativeMemory.Free(entries);
        }
    }

    private void TryDelete(string path)
    {
        try
        {
            Files.Delete(path);
        }
        catch (CacheException e)
        {
            // It takes space until the next opening, which tries again.
            LargeFileLog.NotDeleted(_logger, path, e.Message);
        }
    }
}
