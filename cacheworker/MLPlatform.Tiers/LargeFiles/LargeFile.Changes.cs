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

    /// <summary>Keeps whole units. Blocks on the disk; writers of different units need not wait for each other's data.</summary>
    /// <param name="payload">Bytes of the units in order; the file's last may be short.</param>
    /// <returns>Payload bytes that were not here before.</returns>
    /// <exception cref="CacheException"><c>DeviceFull</c> or <c>DeviceFailed</c>: none of the units is present that was not before.</exception>
    public unsafe long Write(long firstUnit, ReadOnlySpan<NativeSegment> payload, ReadOnlySpan<uint> checksums)
    {
        Invariant.That(firstUnit >= 0 && checksums.Length > 0 && firstUnit + checksums.Length <= Units);
        LargeFileContent content = Enter(mayWait: true) ?? throw new CacheException(CacheError.NotFound, "The file left the cache while it was written.");
        try
        {
            long offset = firstUnit * CacheUnits.UnitBytes;
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

            Invariant.That(offset == Math.Min(Size, (firstUnit + checksums.Length) * CacheUnits.UnitBytes), "payload and checksums are of the same units");
            byte* entries = (byte*)NativeMemory.Alloc((nuint)checksums.Length, LargeFileFormat.EntryBytes);
            try
            {
                for (int i = 0; i < checksums.Length; i++)
                {
                    LargeFileFormat.WriteEntry(new Span<byte>(entries + (i * LargeFileFormat.EntryBytes), LargeFileFormat.EntryBytes), Key, firstUnit + i, checksums[i]);
                }

                return Commit(content, firstUnit, checksums, (nint)entries);
            }
            finally
            {
                NativeMemory.Free(entries);
            }
        }
        finally
        {
            content.Leave();
        }
    }

    /// <summary>Drops what is here of one block of 4 MiB and gives its space back.</summary>
    /// <returns>Payload bytes gone; 0 also when somebody reads the file without us, or it is pinned.</returns>
    /// <exception cref="CacheException"><c>DeviceFailed</c>: the units are gone, their space perhaps not.</exception>
    public long DropBlock(int block)
    {
        long first = (long)block * UnitsPerBlock;
        long end = Math.Min(Units, first + UnitsPerBlock);
        LargeFileContent? content = Enter(mayWait: true);
        if (content is null)
        {
            return 0;
        }

        try
        {
            lock (_changes)
            {
                if (_leases > 0 || _info.IsPinned || _isGone)
                {
                    return 0;
                }

                long gone = RemoveUnsynchronized(content, first, end);
                long offset = first * CacheUnits.UnitBytes;
                _store.Files.PunchHole(content.Data, offset, Math.Min(Size, end * CacheUnits.UnitBytes) - offset);
                return gone;
            }
        }
        finally
        {
            content.Leave();
        }
    }

    /// <summary>Takes the whole file out of the store. Who reads it goes on; its space comes back when the last of them has left.</summary>
    /// <returns>Payload bytes gone.</returns>
    public long Delete()
    {
        lock (_changes)
        {
            if (_isGone)
            {
                return 0;
            }

            _isGone = true;
            long gone = PresentBytes;
            _store.Forget(this, Interlocked.Exchange(ref _presentUnits, 0));
            CloseContent();
            return gone;
        }
    }

    /// <summary>Pinned files are never evicted to make room. Survives restarts.</summary>
    /// <exception cref="CacheException"><c>DeviceFailed</c>.</exception>
    public void SetPinned(bool isPinned)
    {
        if (Enter(mayWait: true) is not { } content)
        {
            return;
        }

        try
        {
            lock (_changes)
            {
                _info = _info with { IsPinned = isPinned };
                _store.WriteHeader(content.Map, _info);
            }
        }
        finally
        {
            content.Leave();
        }
    }

    /// <summary>Reads everything that is here from the disk and drops what is wrong. A whole file that is right may then be lent to the kernel.</summary>
    /// <param name="pace">Called with the bytes about to be read; returns when they may be.</param>
    /// <returns>Payload bytes that were read and right, and units that were wrong.</returns>
    /// <exception cref="CacheException"><c>DeviceFailed</c>.</exception>
    public async Task<(long Bytes, int Wrong)> VerifyAsync(Func<int, CancellationToken, ValueTask> pace, CancellationToken cancellationToken)
    {
        if (Enter(mayWait: true) is not { } content)
        {
            return default;
        }

        nint scratch = Allocate(VerifyBytes);
        long right = 0;
        int wrongUnits = 0;
        try
        {
            const int Step = VerifyBytes / CacheUnits.UnitBytes;
            for (long unit = 0; unit < Units;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (!content.IsPresent(unit))
                {
                    unit++;
                    continue;
                }

                long end = unit + 1;
                while (end < Math.Min(Units, unit + Step) && content.IsPresent(end))
                {
                    end++;
                }

                int bytes = (int)(Math.Min(Size, end * CacheUnits.UnitBytes) - (unit * CacheUnits.UnitBytes));
                await pace(bytes, cancellationToken);
                switch (ReadUnits(content, unit, end, scratch, DeviceRead.DontCache, out long wrong))
                {
                    case ReadOutcome.Hit:
                        right += bytes;
                        unit = end;
                        break;
                    case ReadOutcome.Corrupt:
                        wrongUnits++;
                        DropCorrupt(content, wrong);
                        break;
                    default:
                        // Something was dropped meanwhile; look at the bits again.
                        break;
                }
            }

            return (right, wrongUnits);
        }
        finally
        {
            Free(scratch);
            content.Leave();
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
            _leases++;
            return new PassthroughLease(this, handle);
        }
    }

    internal void EndLease()
    {
        lock (_changes)
        {
            _leases--;
        }
    }

    /// <summary>Counts what the map says when the store is opened.</summary>
    internal void SetPresentUnits(long units) => _presentUnits = units;

    private long Commit(LargeFileContent content, long firstUnit, ReadOnlySpan<uint> checksums, nint entries)
    {
        lock (_changes)
        {
            if (_isGone)
            {
                return 0;
            }

            _store.Files.Write(content.Map, [new NativeSegment(entries, checksums.Length * LargeFileFormat.EntryBytes)], LargeFileFormat.EntryOffset(firstUnit));
            long added = 0;
            for (int i = 0; i < checksums.Length; i++)
            {
                if (content.Add(firstUnit + i, checksums[i]))
                {
                    added++;
                }
            }

            Volatile.Write(ref _isVerified, false);
            return Count(firstUnit + checksums.Length, added);
        }
    }

    /// <summary>A unit that is wrong on disk is absent from now on; the next reader fetches it.</summary>
    private void DropCorrupt(LargeFileContent content, long unit)
    {
        lock (_changes)
        {
            if (!_isGone && content.IsPresent(unit))
            {
                _store.NoteCorrupt(this, unit);
                try
                {
                    RemoveUnsynchronized(content, unit, unit + 1);
                }
                catch (CacheException)
                {
                    // It is absent in memory; after a restart it will be found wrong again.
                }
            }
        }
    }

    private unsafe long RemoveUnsynchronized(LargeFileContent content, long first, long end)
    {
        const int Bytes = UnitsPerBlock * LargeFileFormat.EntryBytes;
        byte* zeros = stackalloc byte[Bytes];
        new Span<byte>(zeros, Bytes).Clear();
        CacheException? refused = null;
        try
        {
            _store.Files.Write(content.Map, [new NativeSegment((nint)zeros, (nint)((end - first) * LargeFileFormat.EntryBytes))], LargeFileFormat.EntryOffset(first));
        }
        catch (CacheException e)
        {
            refused = e;
        }

        // Also when the disk refused: nothing may be served from here any more.
        long removed = 0;
        for (long unit = first; unit < end; unit++)
        {
            removed += content.Remove(unit) ? 1 : 0;
        }

        Volatile.Write(ref _isVerified, false);
        long bytes = -Count(end, -removed);
        return refused is null ? bytes : throw refused;
    }

    /// <returns>Payload bytes: the file's last unit is short.</returns>
    private long Count(long endUnit, long units)
    {
        Interlocked.Add(ref _presentUnits, units);
        long bytes = units * CacheUnits.UnitBytes;
        if (units != 0 && endUnit == Units)
        {
            bytes -= Math.Sign(units) * ((Units * CacheUnits.UnitBytes) - Size);
        }

        _store.AddUnits(units);
        return bytes;
    }

    private static unsafe nint Allocate(int bytes) => (nint)NativeMemory.AlignedAlloc((nuint)bytes, 4096);

    private static unsafe void Free(nint memory) => NativeMemory.AlignedFree((void*)memory);
}
