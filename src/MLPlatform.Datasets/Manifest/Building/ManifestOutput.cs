using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>Writes the pages of a manifest in order and hashes each. For one thread.</summary>
internal sealed class ManifestOutput
{
    private readonly SafeFileHandle _file;
    private readonly long _dataOffset;
    private readonly byte[] _page = new byte[ManifestFormat.PageBytes];
    private readonly byte[] _hashes;
    private int _used;
    private long _pages;

    /// <param name="dataLength">Bytes of all pages.</param>
    public ManifestOutput(SafeFileHandle file, long dataLength)
    {
        _file = file;
        PageCount = (dataLength + ManifestFormat.PageBytes - 1) >> ManifestFormat.PageShift;
        _hashes = new byte[checked((int)(PageCount * ManifestFormat.HashBytes))];

        // The first page begins at a page of the kernel's, so that none of ours straddles one more than it must.
        const long KernelPage = 4096;
        _dataOffset = (ManifestFormat.HeaderBytes + _hashes.Length + KernelPage - 1) & ~(KernelPage - 1);
        DataLength = dataLength;
    }

    public long PageCount { get; }

    public long DataLength { get; }

    public long DataOffset => _dataOffset;

    /// <summary>Where the next byte goes, from the start of the file.</summary>
    public long Position => _dataOffset + (_pages << ManifestFormat.PageShift) + _used;

    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int count = Math.Min(bytes.Length, _page.Length - _used);
            bytes[..count].CopyTo(_page.AsSpan(_used));
            _used += count;
            bytes = bytes[count..];
            if (_used == _page.Length)
            {
                FlushPage();
            }
        }
    }

    /// <summary>Writes the last page and the hashes of all.</summary>
    /// <returns>The hash of the hashes.</returns>
    public byte[] Finish()
    {
        if (_used > 0)
        {
            FlushPage();
        }

        Invariant.That(_pages == PageCount);
        RandomAccess.Write(_file, _hashes, ManifestFormat.HeaderBytes);
        return SHA256.HashData(_hashes);
    }

    private void FlushPage()
    {
        ReadOnlySpan<byte> page = _page.AsSpan(0, _used);
        RandomAccess.Write(_file, page, _dataOffset + (_pages << ManifestFormat.PageShift));
        SHA256.HashData(page, _hashes.AsSpan(checked((int)(_pages * ManifestFormat.HashBytes))));
        _pages++;
        _used = 0;
    }
}
