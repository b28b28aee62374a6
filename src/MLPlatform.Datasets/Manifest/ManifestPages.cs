using System.IO.MemoryMappedFiles;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>
/// A manifest's bytes, mapped, each 64 KiB page checked against its hash when it is first touched. Any thread may call it; two that touch
/// a page at once may both check it. Dispose it when nobody calls any more.
/// </summary>
internal sealed unsafe class ManifestPages : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _start;
    private readonly long _length;
    private readonly long _dataOffset;
    private readonly Func<string, CacheException> _damaged;

    // One bit a page. Emptied by Dispose, so that a late caller meets an exception before the mapping.
    private long[] _verified;

    private ManifestPages(MemoryMappedFile file, MemoryMappedViewAccessor view, byte* start, ManifestHeader header, Func<string, CacheException> damaged)
    {
        _file = file;
        _view = view;
        _start = start;
        _length = header.FileLength;
        _dataOffset = header.DataOffset;
        _damaged = damaged;
        PageCount = header.PageCount;
        _verified = new long[(header.PageCount + 63) / 64];
    }

    public long PageCount { get; }

    /// <summary>Pages found right so far.</summary>
    public long VerifiedPages
    {
        get
        {
            long count = 0;
            foreach (long word in _verified)
            {
                count += System.Numerics.BitOperations.PopCount((ulong)word);
            }

            return count;
        }
    }

    /// <summary>Maps a file whose header is verified and whose length and layout fit the header, and verifies its page hashes.</summary>
    /// <param name="damaged">Makes the exception for a damage described by a few words.</param>
    public static ManifestPages Map(FileStream stream, ManifestHeader header, Func<string, CacheException> damaged)
    {
        MemoryMappedFile file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        MemoryMappedViewAccessor? view = null;
        try
        {
            view = file.CreateViewAccessor(0, header.FileLength, MemoryMappedFileAccess.Read);
            byte* start = null;
            view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
            Span<byte> hash = stackalloc byte[ManifestFormat.HashBytes];
            SHA256.HashData(new ReadOnlySpan<byte>(start + ManifestFormat.HeaderBytes, checked((int)(header.PageCount * ManifestFormat.HashBytes))), hash);
            if (!hash.SequenceEqual(header.PageListHash))
            {
                throw damaged("its list of page checksums does not match its header");
            }

            return new ManifestPages(file, view, start, header, damaged);
        }
        catch
        {
            view?.Dispose();
            file.Dispose();
            throw;
        }
    }

    /// <summary>Address of verified bytes.</summary>
    /// <param name="offset">From the start of the file, inside a section.</param>
    /// <param name="count">At least 1, at most a page, and inside the same section.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* Touch(long offset, int count)
    {
        long relative = offset - _dataOffset;
        long first = relative >> ManifestFormat.PageShift;
        long last = (relative + count - 1) >> ManifestFormat.PageShift;
        if (!IsVerified(first) || (last != first && !IsVerified(last)))
        {
            Verify(first, last);
        }

        return _start + offset;
    }

    /// <summary>As <see cref="Touch"/>, for any number of bytes.</summary>
    public ReadOnlySpan<byte> TouchRange(long offset, int count)
    {
        if (count == 0)
        {
            return [];
        }

        Verify((offset - _dataOffset) >> ManifestFormat.PageShift, (offset + count - 1 - _dataOffset) >> ManifestFormat.PageShift);
        return new ReadOnlySpan<byte>(_start + offset, count);
    }

    /// <summary>Checks every page, whether or not it was checked before.</summary>
    public void VerifyAll(CancellationToken cancellationToken)
    {
        for (long page = 0; page < PageCount; page++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            VerifyPage(page);
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _verified, []).Length == 0)
        {
            return;
        }

        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }

    /// <summary>Structure that the hashes vouch for and that still makes no sense.</summary>
    public CacheException Damaged(string what) => _damaged(what);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsVerified(long page)
    {
        long[] verified = _verified;
        long word = page >> 6;
        return (ulong)word < (ulong)verified.Length && (Volatile.Read(ref verified[word]) & (1L << (int)page)) != 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Verify(long first, long last)
    {
        for (long page = first; page <= last; page++)
        {
            if (!IsVerified(page))
            {
                VerifyPage(page);
            }
        }
    }

    private void VerifyPage(long page)
    {
        long[] verified = _verified;
        ObjectDisposedException.ThrowIf(verified.Length == 0, this);
        if ((ulong)page >= (ulong)PageCount)
        {
            throw _damaged("a section points outside its pages");
        }

        long offset = _dataOffset + (page << ManifestFormat.PageShift);
        int count = (int)Math.Min(ManifestFormat.PageBytes, _length - offset);
        Span<byte> hash = stackalloc byte[ManifestFormat.HashBytes];
        SHA256.HashData(new ReadOnlySpan<byte>(_start + offset, count), hash);
        if (!hash.SequenceEqual(new ReadOnlySpan<byte>(_start + ManifestFormat.HeaderBytes + (page * ManifestFormat.HashBytes), ManifestFormat.HashBytes)))
        {
            throw _damaged($"page {page} of {PageCount} does not match its checksum");
        }

        Interlocked.Or(ref verified[page >> 6], 1L << (int)page);
    }
}
