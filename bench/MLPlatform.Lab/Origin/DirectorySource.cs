using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace MLPlatform.Lab;

/// <summary>
/// One bucket over a directory on disk. GET and HEAD see the files as they are; listings show the directory as it was at the
/// start or at the last <see cref="Refresh"/>, with changes made through the origin. ETags are made of mtime and length.
/// </summary>
public sealed class DirectorySource : IOriginSource
{
    private readonly string _bucket;
    private readonly string _root;
    private readonly Lock _lock = new();
    private OriginObject[] _listing;

    /// <param name="root">Must exist; files below it are objects, their relative paths the keys.</param>
    public DirectorySource(string bucket, string root)
    {
        _bucket = bucket;
        _root = Path.GetFullPath(root).TrimEnd('/') + "/";
        _listing = Walk();
    }

    public IReadOnlyCollection<string> Buckets => [_bucket];

    /// <summary>Files at the last walk.</summary>
    public int Count => Volatile.Read(ref _listing).Length;

    public bool HasBucket(string bucket) => bucket == _bucket;

    /// <summary>Walks the directory again.</summary>
    public void Refresh()
    {
        lock (_lock)
        {
            _listing = Walk();
        }
    }

    public OriginObject? Find(string bucket, string key) =>
        bucket == _bucket && PathOf(key) is { } path && new FileInfo(path) is { Exists: true } file ? Describe(key, file.Length, file.LastWriteTimeUtc) : null;

    public (OriginObject Object, OriginBody Body)? Open(string bucket, string key)
    {
        if (bucket != _bucket || PathOf(key) is not { } path)
        {
            return null;
        }

        SafeFileHandle handle;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            return null; // A directory answers UnauthorizedAccess.
        }

        // Length and time come from the descriptor, so that they belong to the bytes even when the name is replaced now.
        return (Describe(key, RandomAccess.GetLength(handle), File.GetLastWriteTimeUtc(handle)), new FileBody(handle));
    }

    public IEnumerable<OriginObject> Scan(string bucket, string from)
    {
        OriginObject[] listing = bucket == _bucket ? Volatile.Read(ref _listing) : [];
        for (int i = LowerBound(listing, from); i < listing.Length; i++)
        {
            yield return listing[i];
        }
    }

    public OriginObject? Put(string bucket, string key, byte[] content)
    {
        if (bucket != _bucket || PathOf(key) is not { } path)
        {
            return null;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        string temporary = Path.Combine(Path.GetDirectoryName(path)!, $".put-{Guid.NewGuid():N}");
        File.WriteAllBytes(temporary, content);
        File.Move(temporary, path, overwrite: true);
        OriginObject added = Find(bucket, key)!;
        lock (_lock)
        {
            int at = LowerBound(_listing, key);
            bool replaces = at < _listing.Length && _listing[at].Key == key;
            _listing = [.. _listing.AsSpan(0, at), added, .. _listing.AsSpan(replaces ? at + 1 : at)];
        }

        return added;
    }

    public bool Delete(string bucket, string key)
    {
        if (bucket != _bucket || PathOf(key) is not { } path || !File.Exists(path))
        {
            return false;
        }

        File.Delete(path);
        lock (_lock)
        {
            _listing = Array.FindAll(_listing, o => o.Key != key);
        }

        return true;
    }

    public bool CreateBucket(string bucket) => false;

    private static OriginObject Describe(string key, long length, DateTime modified) => new(
        key,
        length,
        string.Create(CultureInfo.InvariantCulture, $"{SyntheticContent.Mix((ulong)modified.Ticks):x16}{SyntheticContent.Mix((ulong)length):x16}"),
        modified);

    private static int LowerBound(OriginObject[] listing, string key)
    {
        int low = 0;
        int high = listing.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (KeyOrder.Instance.Compare(listing[middle].Key, key) < 0)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    /// <returns>Null for keys that no file of this tree can have.</returns>
    private string? PathOf(string key)
    {
        foreach (Range part in key.AsSpan().Split('/'))
        {
            if (key.AsSpan(part) is "" or "." or ".." || key.AsSpan(part).Contains('\0'))
            {
                return null;
            }
        }

        return _root + key;
    }

    private OriginObject[] Walk()
    {
        List<OriginObject> found = [];
        EnumerationOptions options = new() { RecurseSubdirectories = true, AttributesToSkip = 0 };
        foreach (FileInfo file in new DirectoryInfo(_root).EnumerateFiles("*", options))
        {
            found.Add(Describe(file.FullName[_root.Length..], file.Length, file.LastWriteTimeUtc));
        }

        found.Sort((a, b) => KeyOrder.Instance.Compare(a.Key, b.Key));
        return [.. found];
    }

    /// <summary>Read into Kestrel's pipe directly; its own SendFileAsync is no sendfile(2) either, and copies once more.</summary>
    private sealed class FileBody(SafeFileHandle handle) : OriginBody
    {
        public override void Read(long offset, Span<byte> destination)
        {
            while (!destination.IsEmpty)
            {
                int read = RandomAccess.Read(handle, destination, offset);
                if (read == 0)
                {
                    throw new IOException("The file became shorter while it was sent.");
                }

                destination = destination[read..];
                offset += read;
            }
        }

        protected override void Dispose(bool disposing)
        {
            handle.Dispose();
            base.Dispose(disposing);
        }
    }
}
