using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>
/// One immutable version of a dataset's tree, read from a mapped file. Nothing is parsed at open and nothing is kept in private memory
/// but a bit per 64 KiB page. Any thread may call it; the methods that answer a kernel allocate nothing. Every page is verified when it is
/// first touched, so any member may throw <see cref="CacheException"/> <c>Corrupt</c>. Its owner disposes it when nobody calls any more.
/// It must not know mounts, readers or how listings come about. Layout: <c>docs/FORMAT.md</c>.
/// </summary>
/// <remarks>A <i>row</i> is one name: 0 is the root, then directory after directory, level by level, the children of one directory side by
/// side in the order of their bytes. A <i>directory number</i> counts the rows that are directories, in row order.</remarks>
public sealed partial class Manifest : IDisposable
{
    private readonly ManifestHeader _header;
    private readonly ManifestPages _pages;

    private Manifest(string path, ManifestHeader header, DatasetVersionId digest, ManifestPages pages)
    {
        FilePath = path;
        Digest = digest;
        _header = header;
        _pages = pages;
        (DatasetName, Mounts) = ReadInfo();
        BindRows();
        BindNames();
    }

    public string FilePath { get; }

    /// <summary>The version's name.</summary>
    public DatasetVersionId Digest { get; }

    /// <summary>As it was when the manifest was built.</summary>
    public string DatasetName { get; }

    public IReadOnlyList<ManifestMount> Mounts { get; }

    /// <summary>Names in the tree, root included.</summary>
    public long RowCount => _header.Rows;

    public long Files => _header.Files;

    /// <summary>Root included.</summary>
    public long Directories => _header.Directories;

    public long Links => _header.Links;

    /// <summary>Of all files.</summary>
    public long Bytes => _header.Bytes;

    /// <summary>Files of at most 1 MiB.</summary>
    public long SmallFiles => _header.SmallFiles;

    /// <summary>Names of the stores that are not in the tree; <see cref="SkippedNames"/> lists the first of them.</summary>
    public long Skipped => _header.Skipped;

    /// <summary>The first inode number that neither this version nor any before it used.</summary>
    public ulong NextInode => _header.NextInode;

    /// <summary>Bytes of the file.</summary>
    public long FileLength => _header.FileLength;

    public long PageCount => _pages.PageCount;

    /// <summary>Pages that were touched and found right so far.</summary>
    public long VerifiedPages => _pages.VerifiedPages;

    /// <summary>Opens a manifest and verifies its header and page hashes.</summary>
    /// <param name="expected">The version it must be; null takes the one in the file's name, if there is one.</param>
    /// <param name="dataset">Named in the remedy when the file is too damaged to tell.</param>
    /// <exception cref="CacheException"><c>NotFound</c>, <c>AccessDenied</c>, <c>Corrupt</c>; <c>Unsupported</c>: of another format.</exception>
    public static Manifest Open(string path, DatasetVersionId? expected = null, string? dataset = null)
    {
        Invariant.That(BitConverter.IsLittleEndian);
        string remedy = $"run `mlp dataset sync {dataset ?? "NAME"}` to build it anew";
        FileStream stream = OpenFile(path, remedy);
        try
        {
            Span<byte> bytes = stackalloc byte[ManifestFormat.HeaderBytes];
            int read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            DatasetVersionId digest = VerifyHeader(path, remedy, bytes[..read]);
            if ((expected ?? ManifestFormat.VersionOfFileName(path)) is { } wanted && wanted != digest)
            {
                throw new CacheException(CacheError.Corrupt, $"Manifest {path} holds version {digest.Short} where {wanted.Short} belongs; {remedy}.");
            }

            ManifestHeader header = ManifestHeader.Read(bytes);
            if (stream.Length != header.FileLength)
            {
                string what = stream.Length < header.FileLength ? "is cut short" : "has bytes behind its end";
                throw new CacheException(CacheError.Corrupt, $"Manifest {path} {what} ({stream.Length} bytes instead of {header.FileLength}); {remedy}.");
            }

            CacheException Damaged(string what) => new(CacheError.Corrupt, $"Manifest {path} is damaged ({what}); {remedy}.");
            CheckKnown(header, path, remedy);
            CheckLayout(header, Damaged);
            ManifestPages pages = ManifestPages.Map(stream, header, Damaged);
            try
            {
                return new Manifest(path, header, digest, pages);
            }
            catch
            {
                pages.Dispose();
                throw;
            }
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Checks every page of the file now.</summary>
    public void VerifyAll(CancellationToken cancellationToken) => _pages.VerifyAll(cancellationToken);

    public void Dispose() => _pages.Dispose();

    private static FileStream OpenFile(string path, string remedy)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CacheException(CacheError.NotFound, $"Manifest {path} does not exist; {remedy}.", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new CacheException(CacheError.AccessDenied, $"Manifest {path} cannot be read: permission denied.", e);
        }
        catch (IOException e)
        {
            throw new CacheException(CacheError.DeviceFailed, $"Manifest {path} cannot be read: {e.Message}", e);
        }
    }

    private static DatasetVersionId VerifyHeader(string path, string remedy, ReadOnlySpan<byte> header)
    {
        ReadOnlySpan<byte> magic = header[..Math.Min(header.Length, ManifestFormat.Magic.Length)];
        if (!ManifestFormat.Magic.StartsWith(magic))
        {
            throw new CacheException(CacheError.Corrupt, $"{path} is no manifest; {remedy}.");
        }

        // Before the digest: another format may lay out even its header differently.
        if (header.Length >= 12 && BinaryPrimitives.ReadUInt32LittleEndian(header[8..]) is var version && version != ManifestFormat.Version)
        {
            throw new CacheException(CacheError.Unsupported, $"{path}: this file is manifest format {version}; this mlp reads {ManifestFormat.Version}; use the mlp that wrote it, or {remedy}.");
        }

        if (header.Length < ManifestFormat.HeaderBytes)
        {
            throw new CacheException(CacheError.Corrupt, $"Manifest {path} is cut short ({header.Length} bytes, not even its header); {remedy}.");
        }

        Span<byte> digest = stackalloc byte[ManifestFormat.HashBytes];
        SHA256.HashData(header[..ManifestFormat.DigestOffset], digest);
        return digest.SequenceEqual(header[ManifestFormat.DigestOffset..])
            ? DatasetVersionId.FromBytes(digest)
            : throw new CacheException(CacheError.Corrupt, $"Manifest {path} is damaged (its header does not match its digest); {remedy}.");
    }

    /// <summary>Bounds of everything that is read through a pointer later. A digest vouches for who wrote the file, not for its sense.</summary>
    private static void CheckLayout(ManifestHeader header, Func<string, CacheException> damaged)
    {
        long pageBytes = header.FileLength - header.DataOffset;
        bool sound = header.DataOffset >= ManifestFormat.HeaderBytes
            && header.PageCount is > 0 and < int.MaxValue / ManifestFormat.HashBytes
            && header.DataOffset >= ManifestFormat.HeaderBytes + (header.PageCount * ManifestFormat.HashBytes)
            && pageBytes > (header.PageCount - 1) * ManifestFormat.PageBytes
            && pageBytes <= header.PageCount * ManifestFormat.PageBytes
            && header.Rows > 0 && header.Directories > 0 && header.Directories <= header.Rows;
        foreach (ManifestSection section in header.Sections)
        {
            sound = sound
                && section.Offset >= header.DataOffset
                && section.Length >= 0
                && section.Offset <= header.FileLength - ManifestFormat.TailBytes - section.Length
                && section.Width is >= 0 and <= ManifestFormat.ClassBytes
                && section.Count >= 0
                && (section.Width == 0 || section.Count <= section.Length / section.Width);
        }

        if (!sound)
        {
            throw damaged("its table of sections makes no sense");
        }
    }

    /// <summary>What a newer mlp wrote and no answer can do without.</summary>
    private static void CheckKnown(ManifestHeader header, string path, string remedy)
    {
        foreach (ManifestSection section in header.Sections)
        {
            if (!Enum.IsDefined(section.Type) && (uint)section.Type < ManifestFormat.FirstOptionalSection)
            {
                throw new CacheException(CacheError.Unsupported, $"{path}: this file has a section of type {(uint)section.Type}, which this mlp does not know; use the mlp that wrote it, or {remedy}.");
            }
        }
    }

    private ManifestSection? Section(SectionType type)
    {
        foreach (ManifestSection section in _header.Sections)
        {
            if (section.Type == type)
            {
                return section;
            }
        }

        return null;
    }

    private ManifestSection Require(SectionType type) => Section(type) ?? throw _pages.Damaged($"section {type} is missing");

    private Column RequireColumn(SectionType type, long count)
    {
        ManifestSection section = Require(type);
        return section.Count == count && section.Width <= 8 ? new Column(_pages, section) : throw _pages.Damaged($"column {type} has {section.Count} elements of {section.Width} bytes");
    }

    /// <summary>As above; a column that was left out holds zeros.</summary>
    private Column ColumnOrZeros(SectionType type, long count) => Section(type) is null ? new Column(_pages, count) : RequireColumn(type, count);

    /// <summary>A whole section that is small.</summary>
    private ReadOnlySpan<byte> Blob(SectionType type)
    {
        ManifestSection section = Require(type);
        return section.Length <= int.MaxValue ? _pages.TouchRange(section.Offset, (int)section.Length) : throw _pages.Damaged($"section {type} is too large");
    }

    private (string Name, IReadOnlyList<ManifestMount> Mounts) ReadInfo()
    {
        var reader = new BlobReader(Blob(SectionType.Info), _pages);
        string name = Encoding.UTF8.GetString(reader.Bytes());
        var mounts = new ManifestMount[reader.Count()];
        for (int i = 0; i < mounts.Length; i++)
        {
            string path = Encoding.UTF8.GetString(reader.Bytes());
            mounts[i] = new ManifestMount(path, Encoding.UTF8.GetString(reader.Bytes()));
        }

        return (name, mounts);
    }

    /// <summary>Names that were left out, in a fixed order; the list ends at the builder's cap, the count in <see cref="Skipped"/> does not.</summary>
    public IEnumerable<SkippedName> SkippedNames()
    {
        long offset = 0;
        for (long i = 0; i < _header.SkippedListed; i++)
        {
            yield return ReadSkipped(ref offset);
        }
    }

    private SkippedName ReadSkipped(ref long offset)
    {
        ManifestSection section = Require(SectionType.Skipped);
        const int Fixed = 5;
        if (offset > section.Length - Fixed)
        {
            throw _pages.Damaged("the list of skipped names ends early");
        }

        ReadOnlySpan<byte> record = _pages.TouchRange(section.Offset + offset, Fixed);
        var reason = (SkipReason)record[0];
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(record[1..]);
        offset += Fixed;
        if (length > Math.Min(section.Length - offset, int.MaxValue))
        {
            throw _pages.Damaged("a skipped name ends outside its section");
        }

        byte[] path = _pages.TouchRange(section.Offset + offset, (int)length).ToArray();
        offset += length;
        return new SkippedName(path, reason);
    }
}
