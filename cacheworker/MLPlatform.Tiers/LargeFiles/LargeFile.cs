using MLPlatform.Core;
using MLPlatform.Tiers.Devices;

namespace MLPlatform.Tiers.LargeFiles;

/// <summary>
/// One version of one large file: a sparse file at native offsets, and the map of its units. Any thread may call it. Reads take no lock: a unit is served only when its
/// checksum is right, so a hole punched under a reader is a miss, never zeros.
/// </summary>
internal sealed partial class LargeFile
{
    /// <summary>Unit of eviction.</summary>
    public const int BlockBytes = 4 << 20;

    public const int UnitsPerBlock = BlockBytes / CacheUnits.UnitBytes;

    // Reads of one range that drops and writes keep changing; then it is a miss.
    private const int MaxAttempts = 4;

    private readonly LargeFileStore _store;

    // Changes of the map: bits, entries on disk, holes, leases. Never taken by reads of session threads.
    private readonly Lock _changes = new();
    private LargeFileInfo _info;
    private LargeFileContent? _content;
    private long _presentUnits;
    private long _presentBytes;
    private long _lastUse;

    // Writes under way: between their data and their entries nothing may be punched, and the content must stay the one they entered.
    private int _writers;

    // Tells a read that what it found wrong was changed meanwhile.
    private long _changeCount;
    private int _leases;
    private long _heldBytes;
    private bool _isGone;
    private bool _isVerified;

    // Units that may take space without being present: what failed writes and refused holes left. Empty when both are equal.
    private long _wasteFirst;
    private long _wasteEnd;

    public LargeFile(LargeFileStore store, in LargeFileInfo info)
    {
        _store = store;
        _info = info;
        Units = CacheUnits.UnitsOf(info.Size);
    }

    public FileKey Key => _info.Key;

    public long Size => _info.Size;

    public uint Dataset => _info.Dataset;

    public long Units { get; }

    /// <summary>Bytes that are here.</summary>
    public long PresentBytes => Interlocked.Read(ref _presentBytes);

    public bool IsComplete => Interlocked.Read(ref _presentUnits) == Units;

    /// <summary>All of it has been read back and found right since start, by readers or a scrub, and nothing has changed since.</summary>
    public bool IsVerified => Volatile.Read(ref _isVerified);

    /// <summary>Some of it was written since start.</summary>
    public bool WasWritten { get; private set; }

    public LargeFileInfo Info => _info with { PresentBytes = PresentBytes };

    /// <summary>For the choice of what to close.</summary>
    public long LastUse => Volatile.Read(ref _lastUse);

    internal bool IsGone => Volatile.Read(ref _isGone);

    public static int BlockOf(long unit) => (int)(unit / UnitsPerBlock);

    public static int BlocksOf(long size) => (int)((size + BlockBytes - 1) / BlockBytes);

    /// <summary>Memory that <see cref="TryRead"/> needs: the whole units around the range.</summary>
    public static int ScratchBytes(long offset, int count)
    {
        long first = offset / CacheUnits.UnitBytes;
        return (int)((CacheUnits.UnitsOf(offset + Math.Max(1, count)) - first) * CacheUnits.UnitBytes);
    }

    /// <summary>Reads a range; every unit touched is verified. Allocates nothing on a hit.</summary>
    /// <param name="scratch">At least <see cref="ScratchBytes"/>; unspecified unless it is a hit.</param>
    /// <param name="mayWait">False on threads that must not wait for a disk: what needs one, or finds damage, is <see cref="ReadOutcome.WouldBlock"/>.</param>
    /// <param name="start">Where in <paramref name="scratch"/> the wanted bytes begin.</param>
    /// <param name="length">What was asked for, cut at the file's end.</param>
    /// <exception cref="CacheException"><c>DeviceFailed</c>.</exception>
    public ReadOutcome TryRead(long offset, int count, nint scratch, int scratchBytes, bool mayWait, out int start, out int length)
    {
        (start, length) = (0, 0);
        Invariant.That(offset >= 0 && count >= 0 && scratchBytes >= ScratchBytes(offset, count));
        long end = Math.Min(Size, offset + count);
        if (offset >= end)
        {
            return ReadOutcome.Hit;
        }

        LargeFileContent? content = Enter(mayWait);
        if (content is null)
        {
            return mayWait ? ReadOutcome.Miss : ReadOutcome.WouldBlock;
        }

        try
        {
            long first = offset / CacheUnits.UnitBytes;
            ReadOutcome outcome = ReadOutcome.Miss;
            for (int attempt = 0; attempt < MaxAttempts; attempt++)
            {
                long changes = Interlocked.Read(ref _changeCount);
                DeviceRead how = !mayWait ? DeviceRead.NoWait : attempt == 0 ? DeviceRead.DontCache : DeviceRead.Normal;
                outcome = ReadUnits(content, first, CacheUnits.UnitsOf(end), scratch, how, out long wrong);
                if (outcome != ReadOutcome.Corrupt)
                {
                    break;
                }

                if (!mayWait)
                {
                    return ReadOutcome.WouldBlock;
                }

                // A unit that was dropped and came back while we read it looks wrong once.
                outcome = ReadOutcome.Miss;
                if (attempt > 0 && changes == Interlocked.Read(ref _changeCount))
                {
                    outcome = DropCorrupt(content, wrong) ? ReadOutcome.Corrupt : ReadOutcome.Miss;
                    break;
                }
            }

            if (outcome == ReadOutcome.Hit)
            {
                start = (int)(offset - (first * CacheUnits.UnitBytes));
                length = (int)(end - offset);
            }

            return outcome;
        }
        finally
        {
            content.Leave();
        }
    }

    /// <summary>Whether a unit is here, and where the run of units that are like it ends.</summary>
    /// <param name="runEnd">Exclusive, at most <paramref name="endUnit"/>.</param>
    /// <exception cref="CacheException"><c>DeviceFailed</c>.</exception>
    public void FindRun(long unit, long endUnit, out bool isPresent, out long runEnd)
    {
        isPresent = false;
        runEnd = endUnit;
        if (Enter(mayWait: true) is not { } content)
        {
            return;
        }

        isPresent = content.IsPresent(unit);
        for (runEnd = unit + 1; runEnd < endUnit && content.IsPresent(runEnd) == isPresent; runEnd++)
        {
        }

        content.Leave();
    }

    /// <summary>Takes the content, opening it if need be.</summary>
    /// <returns>Null: it must be opened and the caller may not wait, or the file is gone.</returns>
    private LargeFileContent? Enter(bool mayWait)
    {
        Volatile.Write(ref _lastUse, _store.Now);
        while (true)
        {
            if (Volatile.Read(ref _content) is { } content)
            {
                if (content.TryEnter())
                {
                    return content;
                }

                // Its closer has not taken it away yet.
                Interlocked.CompareExchange(ref _content, null, content);
                continue;
            }

            if (!mayWait)
            {
                return null;
            }

            lock (_changes)
            {
                if (OpenUnsynchronized() is null)
                {
                    return null;
                }
            }

            _store.CloseBeyondLimit(this);
        }
    }

    /// <summary>The content that is in use from now on, opened if need be. It is opened and closed under the lock only, so there are never two that change.</summary>
    /// <returns>Null: the file is gone, or the store closed.</returns>
    private LargeFileContent? OpenUnsynchronized()
    {
        if (_isGone || _store.IsClosed)
        {
            return null;
        }

        if (_content is null)
        {
            LargeFileContent content;
            try
            {
                content = _store.OpenContent(_info);
            }
            catch (CacheException e) when (e.Error == CacheError.NotFound)
            {
                // Somebody took it off the disk.
                DeleteUnsynchronized();
                return null;
            }

            TakeMapUnsynchronized(content);
            Volatile.Write(ref _content, content);
            TryReclaimUnsynchronized(content);
        }

        return _content;
    }

    /// <summary>What the map on disk says counts: it may have been damaged while it was closed.</summary>
    private void TakeMapUnsynchronized(LargeFileContent content)
    {
        (long units, long bytes, long diskBytes) = (0, 0, 0);
        for (long unit = 0; unit < Units; unit++)
        {
            if (content.IsPresent(unit))
            {
                units++;
                bytes += BytesOf(unit);
                diskBytes += DiskBytesOf(unit);
            }
        }

        if (units != _presentUnits || bytes != _presentBytes)
        {
            _changeCount++;
            Volatile.Write(ref _isVerified, false);
            _store.NoteMapDamaged(this, Math.Max(1, _presentUnits - units));
            NoteWasteUnsynchronized(0, Units);
            CountUnsynchronized(units - _presentUnits, bytes - _presentBytes, diskBytes - DiskBytes);
        }
    }

    /// <summary>Closes descriptors and map until they are needed again. Only under the lock.</summary>
    private void CloseContentUnsynchronized() => Interlocked.Exchange(ref _content, null)?.Leave();

    /// <summary>Closes descriptors and map, unless somebody changes the file just now. Does not wait.</summary>
    internal bool TryClose()
    {
        if (!_changes.TryEnter())
        {
            return false;
        }

        try
        {
            if (_writers > 0)
            {
                return false;
            }

            CloseContentUnsynchronized();
            return true;
        }
        finally
        {
            _changes.Exit();
        }
    }

    /// <summary>Closes descriptors and map for good; the store is closed.</summary>
    internal void Close()
    {
        lock (_changes)
        {
            CloseContentUnsynchronized();
        }
    }

    private long BytesOf(long unit) => Math.Min(CacheUnits.UnitBytes, Size - (unit * CacheUnits.UnitBytes));

    private long DiskBytesOf(long unit) => LargeFileFormat.RoundToPage(BytesOf(unit));

    /// <param name="wrong">The unit whose checksum was wrong, when the outcome is Corrupt.</param>
    private unsafe ReadOutcome ReadUnits(LargeFileContent content, long first, long end, nint scratch, DeviceRead how, out long wrong)
    {
        wrong = -1;
        for (long unit = first; unit < end; unit++)
        {
            if (!content.IsPresent(unit))
            {
                return ReadOutcome.Miss;
            }
        }

        long from = first * CacheUnits.UnitBytes;
        int bytes = (int)(Math.Min(Size, end * CacheUnits.UnitBytes) - from);
        int got = _store.Files.Read(content.Data, scratch, bytes, from, how);
        if (got < bytes && (how & DeviceRead.NoWait) != 0)
        {
            return ReadOutcome.WouldBlock;
        }

        for (long unit = first; unit < end; unit++)
        {
            int at = (int)((unit - first) * CacheUnits.UnitBytes);
            int length = Math.Min(CacheUnits.UnitBytes, bytes - at);
            if (at + length > got || Crc32C.Of(new ReadOnlySpan<byte>((void*)(scratch + at), length)) != content.Checksum(unit))
            {
                // Dropped while we read: what we saw was its hole.
                if (!content.IsPresent(unit))
                {
                    return ReadOutcome.Miss;
                }

                wrong = unit;
                return ReadOutcome.Corrupt;
            }

            if (!IsVerified)
            {
                content.NoteVerified(unit);
            }
        }

        // Under the lock of changes, so that a change under way comes before or clears it; who cannot have the lock leaves that to the next reader.
        if (!IsVerified && content.VerifiedUnits == Units && _changes.TryEnter())
        {
            Volatile.Write(ref _isVerified, content.VerifiedUnits == Units && IsComplete && !_isGone);
            _changes.Exit();
        }

        return ReadOutcome.Hit;
    }
}
