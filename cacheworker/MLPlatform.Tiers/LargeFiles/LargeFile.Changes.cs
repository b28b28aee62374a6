using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;
using MLPlatform.Tiers.Devices;

namespace MLPlatform.Tiers.LargeFiles;

/// <summary>
/// Writing, dropping, verifying and lending. Order of writing: data, entry on disk, bit in memory. Order of dropping: entry on disk, bit, hole. So a
/// kill at any point leaves a unit either present and whole, or absent.
/// </summary>
internal sealed partial class LargeFile
{
    private const int VerifyBytes = 1 << 20;

    /// <summary>Bytes that the data takes on the device; changes under the lock.</summary>
    private long DiskBytes { get; set; }

    /// <summary>Keeps whole units. Blocks on the disk; writers of different units need not wait for each other's data.</summary>
    /// <param name="payload">Bytes of the units in order; the file's last may be short.</param>
    /// <returns>Payload bytes that were not here before.</returns>
    /// <exception cref="CacheException"><c>DeviceFull</c> or <c>DeviceFailed</c>: none of the units is present that was not before. <c>NotFound</c>: the file has left the cache.</exception>
    public unsafe long Write(long firstUnit, ReadOnlySpan<NativeSegment> payload, ReadOnlySpan<uint> checksums)
    {
        Invariant.That(firstUnit >= 0 && checksums.Length > 0 && firstUnit + checksums.Length <= Units);
        LargeFileContent content = BeginWrite() ?? throw new CacheException(CacheError.NotFound, "The file left the cache while it was written.");
        byte* entries = null;
        try
        {
            WriteData(content, firstUnit, payload, checksums.Length);
            entries = (byte*)NativeMemory.Alloc((nuint)checksums.Length, LargeFileFormat.EntryBytes);
            for (int i = 0; i < checksums.Length; i++)
            {
                LargeFileFormat.WriteEntry(new Span<byte>(entries + (i * LargeFileFormat.EntryBytes), LargeFileFormat.EntryBytes), Key, firstUnit + i, checksums[i]);
            }

            return Commit(content, firstUnit, checksums, (nint)entries);
        }
        finally
        {
            NativeMemory.Free(entries);
            EndWrite(content);
        }
    }

    /// <summary>Drops what is here of one block of 4 MiB and gives its space back. A file of which nothing is left leaves the store.</summary>
    /// <param name="gone">Payload bytes gone.</param>
    /// <returns>False: somebody reads the file without us or writes it, or it is pinned. Nothing has changed.</returns>
    /// <exception cref="CacheException"><c>DeviceFailed</c>: nothing has changed, or only the space is still taken; a later change gives it back.</exception>
    public bool TryDropBlock(int block, out long gone)
    {
        Invariant.That(block >= 0 && block < BlocksOf(Size));
        gone = 0;
        long first = (long)block * UnitsPerBlock;
        long end = Math.Min(Units, first + UnitsPerBlock);
        if (!_store.TryBeginChange())
        {
            return false;
        }

        try
        {
            lock (_changes)
            {
                if (_isGone)
                {
                    return true;
                }

                if (Volatile.Read(ref _leases) > 0 || _writers > 0 || _info.IsPinned)
                {
                    return false;
                }

                if (OpenUnsynchronized() is not { } content)
                {
                    return true;
                }

                ClearEntriesUnsynchronized(content, first, end);
                gone = RemoveUnsynchronized(content, first, end);
                NoteWasteUnsynchronized(first, end);
                if (_presentUnits == 0)
                {
                    DeleteUnsynchronized();
                }
                else
                {
                    ReclaimUnsynchronized(content);
                }

                return true;
            }
        }
        finally
        {
            _store.CloseBeyondLimit(this);
            _store.EndChange();
        }
    }

    /// <summary>Takes the whole file out of the store. Who reads it goes on; its space comes back when the last of them has left.</summary>
    /// <returns>Payload bytes gone.</returns>
    public long Delete()
    {
        if (!_store.TryBeginChange())
        {
            return 0;
        }

        try
        {
            lock (_changes)
            {
                return DeleteUnsynchronized();
            }
        }
        finally
        {
            _store.EndChange();
        }
    }

    /// <summary>Pinned files are never evicted to make room. Survives restarts.</summary>
    /// <exception cref="CacheException"><c>DeviceFailed</c>: it is as it was.</exception>
    public void SetPinned(bool isPinned)
    {
        if (!_store.TryBeginChange())
        {
            return;
        }

        try
        {
            lock (_changes)
            {
                if (OpenUnsynchronized() is { } content)
                {
                    LargeFileInfo info = _info with { IsPinned = isPinned };
                    _store.WriteHeader(content.Map, info);
                    _info = info;
                }
            }
        }
        finally
        {
            _store.CloseBeyondLimit(this);
            _store.EndChange();
        }
    }

    /// <summary>Reads everything that is here from the disk and drops what is wrong. A whole file that is right may then be lent to the kernel.</summary>
    /// <param name="pace">Called with the bytes about to be read; returns when they may be.</param>
    /// <returns>Payload bytes that were read and right, and units that were wrong.</returns>
    /// <exception cref="CacheException"><c>DeviceFailed</c>.</exception>
    public async Task<(long Bytes, int Wrong)> VerifyAsync(Func<int, CancellationToken, ValueTask> pace, CancellationToken cancellationToken)
    {
        nint scratch = Allocate(VerifyBytes);
        long right = 0;
        int wrongUnits = 0;
        try
        {
            for (long unit = 0; unit < Units;)
            {
                // Anew for each step: at a slow pace the file may be closed and opened in between.
                if (Enter(mayWait: true) is not { } content)
                {
                    return (right, wrongUnits);
                }

                try
                {
                    if (!content.IsPresent(unit))
                    {
                        unit++;
                        continue;
                    }

                    long end = unit + 1;
                    while (end < Math.Min(Units, unit + (VerifyBytes / CacheUnits.UnitBytes)) && content.IsPresent(end))
                    {
                        end++;
                    }

                    int bytes = (int)(Math.Min(Size, end * CacheUnits.UnitBytes) - (unit * CacheUnits.UnitBytes));
                    await pace(bytes, cancellationToken);
                    cancellationToken.ThrowIfCancellationRequested();
                    switch (ReadUnits(content, unit, end, scratch, DeviceRead.DontCache, out long wrong))
                    {
                        case ReadOutcome.Hit:
                            right += bytes;
                            unit = end;
                            break;
                        case ReadOutcome.Corrupt:
                            wrongUnits += DropCorrupt(content, wrong) ? 1 : 0;
                            break;
                        default:
                            // Something was dropped meanwhile; look at the bits again.
                            break;
                    }
                }
                finally
                {
                    content.Leave();
                }
            }

            return (right, wrongUnits);
        }
        finally
        {
            Free(scratch);
        }
    }

    /// <summary>A descriptor of its own for somebody who reads without us.</summary>
    /// <returns>Null: something is missing, or has not been verified since start.</returns>
    /// <exception cref="CacheException"><c>DeviceFailed</c>.</exception>
    public PassthroughLease? TryLend()
    {
        lock (_changes)
        {
            if (_isGone || !_isVerified || !IsComplete)
            {
                return null;
            }

            SafeFileHandle handle = _store.Files.OpenRead(_store.DataPath(Key));
            Interlocked.Increment(ref _leases);
            return new PassthroughLease(this, handle);
        }
    }

    /// <summary>Takes no lock: it may be called where nobody may wait.</summary>
    internal void EndLease()
    {
        if (Interlocked.Decrement(ref _leases) == 0 && IsGone)
        {
            _store.HoldUnlinked(-Interlocked.Exchange(ref _heldBytes, 0));
        }
    }

    /// <summary>Counts what the map says when the store is opened.</summary>
    internal void SetPresent(LargeFileContent content)
    {
        for (long unit = 0; unit < Units; unit++)
        {
            if (content.IsPresent(unit))
            {
                CountUnsynchronized(1, BytesOf(unit), DiskBytesOf(unit));
            }
        }
    }

    /// <summary>Gives back all space without presence; at opening, when nobody else has the file.</summary>
    internal void ReclaimAll(LargeFileContent content)
    {
        NoteWasteUnsynchronized(0, Units);
        TryReclaimUnsynchronized(content);
    }

    private LargeFileContent? BeginWrite()
    {
        if (!_store.TryBeginChange())
        {
            return null;
        }

        LargeFileContent? content = null;
        try
        {
            lock (_changes)
            {
                content = OpenUnsynchronized();
                if (content is not null)
                {
                    Invariant.That(content.TryEnter());
                    _writers++;
                }
            }

            _store.CloseBeyondLimit(this);
            return content;
        }
        finally
        {
            if (content is null)
            {
                _store.EndChange();
            }
        }
    }

    private void EndWrite(LargeFileContent content)
    {
        try
        {
            lock (_changes)
            {
                _writers--;
                if (!_isGone && _writers == 0)
                {
                    if (_presentUnits == 0 && !_info.IsPinned)
                    {
                        // Its only write failed.
                        DeleteUnsynchronized();
                    }
                    else
                    {
                        TryReclaimUnsynchronized(content);
                    }
                }
            }
        }
        finally
        {
            content.Leave();
            _store.EndChange();
        }
    }

    private void WriteData(LargeFileContent content, long firstUnit, ReadOnlySpan<NativeSegment> payload, int units)
    {
        long offset = firstUnit * CacheUnits.UnitBytes;
        try
        {
            while (!payload.IsEmpty)
            {
                ReadOnlySpan<NativeSegment> some = payload[..Math.Min(payload.Length, DeviceLibc.IOV_MAX)];
                _store.Files.Write(content.Data, some, offset);
                foreach (NativeSegment segment in some)
                {
                    offset += segment.Length;
                }

                payload = payload[some.Length..];
            }
        }
        catch (CacheException)
        {
            lock (_changes)
            {
                NoteWasteUnsynchronized(firstUnit, firstUnit + units);
            }

            throw;
        }

        Invariant.That(offset == Math.Min(Size, (firstUnit + units) * CacheUnits.UnitBytes), "payload and checksums are of the same units");
    }

    private long Commit(LargeFileContent content, long firstUnit, ReadOnlySpan<uint> checksums, nint entries)
    {
        lock (_changes)
        {
            if (_isGone)
            {
                return 0;
            }

            try
            {
                _store.Files.Write(content.Map, [new NativeSegment(entries, checksums.Length * LargeFileFormat.EntryBytes)], LargeFileFormat.EntryOffset(firstUnit));
            }
            catch (CacheException)
            {
                // Some entries may have reached the disk. Data is taken away only from units that the map on disk does not have either.
                if (TryRestoreEntriesUnsynchronized(content, firstUnit, checksums.Length))
                {
                    NoteWasteUnsynchronized(firstUnit, firstUnit + checksums.Length);
                }

                throw;
            }

            (long units, long bytes, long diskBytes) = (0, 0, 0);
            for (int i = 0; i < checksums.Length; i++)
            {
                if (content.Add(firstUnit + i, checksums[i]))
                {
                    units++;
                    bytes += BytesOf(firstUnit + i);
                    diskBytes += DiskBytesOf(firstUnit + i);
                }
            }

            WasWritten = true;
            _changeCount++;
            Volatile.Write(ref _isVerified, false);
            CountUnsynchronized(units, bytes, diskBytes);
            return bytes;
        }
    }

    private unsafe bool TryRestoreEntriesUnsynchronized(LargeFileContent content, long firstUnit, int units)
    {
        byte* entries = (byte*)NativeMemory.AllocZeroed((nuint)units, LargeFileFormat.EntryBytes);
        try
        {
            for (int i = 0; i < units; i++)
            {
                if (content.IsPresent(firstUnit + i))
                {
                    LargeFileFormat.WriteEntry(new Span<byte>(entries + (i * LargeFileFormat.EntryBytes), LargeFileFormat.EntryBytes), Key, firstUnit + i, content.Checksum(firstUnit + i));
                }
            }

            _store.Files.Write(content.Map, [new NativeSegment((nint)entries, units * LargeFileFormat.EntryBytes)], LargeFileFormat.EntryOffset(firstUnit));
            return true;
        }
        catch (CacheException)
        {
            return false;
        }
        finally
        {
            NativeMemory.Free(entries);
        }
    }

    /// <summary>A unit that is wrong on disk is absent from now on; the next reader fetches it.</summary>
    /// <returns>False: what was read is not what lies there now.</returns>
    private bool DropCorrupt(LargeFileContent content, long unit)
    {
        if (!_store.TryBeginChange())
        {
            return false;
        }

        try
        {
            lock (_changes)
            {
                if (_isGone || _content != content || !content.IsPresent(unit))
                {
                    return false;
                }

                try
                {
                    ClearEntriesUnsynchronized(content, unit, unit + 1);
                    NoteWasteUnsynchronized(unit, unit + 1);
                }
                catch (CacheException)
                {
                    // It is absent in memory; after a restart it will be found wrong again.
                }

                RemoveUnsynchronized(content, unit, unit + 1);
                TryReclaimUnsynchronized(content);
            }

            _store.NoteCorrupt(this, unit);
            return true;
        }
        finally
        {
            _store.EndChange();
        }
    }

    private unsafe void ClearEntriesUnsynchronized(LargeFileContent content, long first, long end)
    {
        const int Bytes = UnitsPerBlock * LargeFileFormat.EntryBytes;
        byte* zeros = stackalloc byte[Bytes];
        new Span<byte>(zeros, Bytes).Clear();
        _store.Files.Write(content.Map, [new NativeSegment((nint)zeros, (nint)((end - first) * LargeFileFormat.EntryBytes))], LargeFileFormat.EntryOffset(first));
    }

    /// <returns>Payload bytes that were there.</returns>
    private long RemoveUnsynchronized(LargeFileContent content, long first, long end)
    {
        (long units, long bytes, long diskBytes) = (0, 0, 0);
        for (long unit = first; unit < end; unit++)
        {
            if (content.Remove(unit))
            {
                units++;
                bytes += BytesOf(unit);
                diskBytes += DiskBytesOf(unit);
            }
        }

        _changeCount++;
        Volatile.Write(ref _isVerified, false);
        CountUnsynchronized(-units, -bytes, -diskBytes);
        return bytes;
    }

    private long DeleteUnsynchronized()
    {
        if (_isGone)
        {
            return 0;
        }

        long gone = PresentBytes;
        long held = DiskBytes;
        Volatile.Write(ref _isGone, true);
        _store.Forget(this);
        CountUnsynchronized(-_presentUnits, -gone, -held);
        CloseContentUnsynchronized();

        // Its space stays taken until they have left. Whichever of us and the last of them comes second takes it out of the count.
        _store.HoldUnlinked(held);
        Interlocked.Exchange(ref _heldBytes, held);
        if (Volatile.Read(ref _leases) == 0)
        {
            _store.HoldUnlinked(-Interlocked.Exchange(ref _heldBytes, 0));
        }

        return gone;
    }

    private void NoteWasteUnsynchronized(long first, long end)
    {
        bool isNone = _wasteFirst == _wasteEnd;
        _wasteFirst = isNone ? first : Math.Min(_wasteFirst, first);
        _wasteEnd = isNone ? end : Math.Max(_wasteEnd, end);
    }

    private void TryReclaimUnsynchronized(LargeFileContent content)
    {
        try
        {
            ReclaimUnsynchronized(content);
        }
        catch (CacheException)
        {
            // A later change tries again, and so does the next opening.
        }
    }

    /// <summary>Punches what takes space without being present, unless somebody may read or write there.</summary>
    private void ReclaimUnsynchronized(LargeFileContent content)
    {
        if (_wasteFirst == _wasteEnd || _writers > 0 || Volatile.Read(ref _leases) > 0)
        {
            return;
        }

        for (long unit = _wasteFirst; unit < _wasteEnd;)
        {
            long first = unit;
            while (unit < _wasteEnd && !content.IsPresent(unit))
            {
                unit++;
            }

            if (unit > first)
            {
                long offset = first * CacheUnits.UnitBytes;
                _store.Files.PunchHole(content.Data, offset, Math.Min(Size, unit * CacheUnits.UnitBytes) - offset);
            }
            else
            {
                unit++;
            }
        }

        _wasteFirst = _wasteEnd = 0;
    }

    private void CountUnsynchronized(long units, long bytes, long diskBytes)
    {
        Interlocked.Add(ref _presentUnits, units);
        Interlocked.Add(ref _presentBytes, bytes);
        DiskBytes += diskBytes;
        _store.CountPayload(this, bytes, diskBytes);
    }

    private static unsafe nint Allocate(int bytes) => (nint)NativeMemory.AlignedAlloc((nuint)bytes, 4096);

    private static unsafe void Free(nint memory) => NativeMemory.AlignedFree((void*)memory);
}
