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

    // More than a few units of space without presence is what a kill left between data and map.
    private const long TolerableWasteBytes = 1 << 20;

    private readonly ConcurrentDictionary<FileKey, LargeFile> _all = new();
    private readonly string _directory;
    private readonly Guid _cacheId;
    private readonly LargeFileOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _opening = new();
    private readonly HashSet<LargeFile> _open = [];
    private long _presentUnits;
    private long _mapBytes;
    private long _checksumFailures;

    private LargeFileStore(IDeviceFiles files, string directory, Guid cacheId, LargeFileOptions options, TimeProvider time, ILogger logger)
    {
        Files = files;
        _directory = directory;
        _cacheId = cacheId;
        _options = options;
        _time = time;
        _logger = logger;
    }

    /// <summary>Tells of a unit that was found wrong and dropped: the file and the unit's number. Called on reading threads.</summary>
    public event Action<LargeFile, long>? Dropped;

    public IDeviceFiles Files { get; }

    public int Count => _all.Count;

    /// <summary>Payload bytes, each file's last unit counted whole.</summary>
    public long PresentBytes => Interlocked.Read(ref _presentUnits) * CacheUnits.UnitBytes;

    /// <summary>Bytes on the device: payload and maps.</summary>
    public long DiskBytes => PresentBytes + Interlocked.Read(ref _mapBytes);

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
    /// <exception cref="CacheException"><c>DeviceFull</c>, <c>DeviceFailed</c>.</exception>
    public LargeFile GetOrCreate(in FileKey key, long size, uint dataset)
    {
        Invariant.That(size > 0);
        if (Find(key) is { } known)
        {
            return known;
        }

        lock (_opening)
        {
            if (Find(key) is { } made)
            {
                return made;
            }

            LargeFileInfo info = new() { Key = key, Size = size, Dataset = dataset, Created = (uint)_time.GetUtcNow().ToUnixTimeSeconds() };
            Create(info);
            LargeFile file = new(this, info);
            Interlocked.Add(ref _mapBytes, LargeFileFormat.MapBytes(size));
            _all[key] = file;
            return file;
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

    /// <summary>Closes all files. Who is inside one still ends in peace.</summary>
    public ValueTask DisposeAsync()
    {
        foreach (KeyValuePair<FileKey, LargeFile> pair in _all)
        {
            pair.Value.CloseContent();
        }

        return ValueTask.CompletedTask;
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

    /// <summary>Closes the files that were not used for longest until no more than the limit are open.</summary>
    internal void CloseBeyondLimit(LargeFile opened)
    {
        lock (_opening)
        {
            _open.Add(opened);
            while (_open.Count > _options.MaxOpenFiles)
            {
                LargeFile oldest = opened;
                foreach (LargeFile file in _open)
                {
                    if (file != opened && (oldest == opened || file.LastUse < oldest.LastUse))
                    {
                        oldest = file;
                    }
                }

                _open.Remove(oldest);
                oldest.CloseContent();
            }
        }
    }

    internal void AddUnits(long units) => Interlocked.Add(ref _presentUnits, units);

    internal void NoteCorrupt(LargeFile file, long unit)
    {
        Interlocked.Increment(ref _checksumFailures);
        LargeFileLog.UnitCorrupt(_logger, DataPath(file.Key), unit);
        Dropped?.Invoke(file, unit);
    }

    /// <summary>A file leaves: map first, so that a kill in between leaves data without a map, which the next opening removes.</summary>
    internal void Forget(LargeFile file, long presentUnits)
    {
        _all.TryRemove(new KeyValuePair<FileKey, LargeFile>(file.Key, file));
        Interlocked.Add(ref _presentUnits, -presentUnits);
        Interlocked.Add(ref _mapBytes, -LargeFileFormat.MapBytes(file.Size));
        lock (_opening)
        {
            _open.Remove(file);
        }

        TryDelete(MapPath(file.Key));
        TryDelete(DataPath(file.Key));
    }

    private string MapPath(in FileKey key) => Path.Combine(FolderOf(key), key + MapExtension);

    private string FolderOf(in FileKey key) => Path.Combine(_directory, key.ToString()[..2]);

    private void Create(in LargeFileInfo info)
    {
        Files.CreateDirectory(FolderOf(info.Key));
        string data = DataPath(info.Key);
        string map = MapPath(info.Key);
        try
        {
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

            TryDelete(Path.Combine(folder, name));
            TryDelete(Path.Combine(folder, stem + DataExtension));
        }
    }

    /// <returns>False: it is of no use, and both files must go.</returns>
    private unsafe bool TryOpenFile(string folder, string stem)
    {
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

        long units = CacheUnits.UnitsOf(info.Size);
        long present = 0;
        List<(long First, long End)> absent = [];
        long absentFrom = 0;
        ReadEntries(map, info.Key, units, (unit, _) =>
        {
            present++;
            if (unit > absentFrom)
            {
                absent.Add((absentFrom, unit));
            }

            absentFrom = unit + 1;
        });
        if (present == 0)
        {
            return false;
        }

        if (absentFrom < units)
        {
            absent.Add((absentFrom, units));
        }

        if (Files.AllocatedBytes(data) > (present * CacheUnits.UnitBytes) + TolerableWasteBytes)
        {
            foreach ((long first, long end) in absent)
            {
                long offset = first * CacheUnits.UnitBytes;
                Files.PunchHole(data, offset, Math.Min(info.Size, end * CacheUnits.UnitBytes) - offset);
            }
        }

        LargeFile file = new(this, info);
        file.SetPresentUnits(present);
        _all[info.Key] = file;
        _presentUnits += present;
        _mapBytes += LargeFileFormat.MapBytes(info.Size);
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
