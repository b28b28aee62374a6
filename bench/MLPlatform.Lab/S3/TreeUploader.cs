namespace MLPlatform.Lab;

/// <summary>Puts a tree into a bucket over several connections.</summary>
public static class TreeUploader
{
    /// <summary>Uploads every file below a directory; the relative path behind <paramref name="prefix"/> is the key.</summary>
    /// <returns>Files and bytes uploaded.</returns>
    public static Task<(long Files, long Bytes)> UploadAsync(
        S3Lite store, string bucket, string prefix, string directory, int connections = 8, CancellationToken cancellationToken = default)
    {
        string root = Path.GetFullPath(directory).TrimEnd('/') + "/";
        IEnumerable<string> paths = Directory.EnumerateFiles(root, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 });
        return UploadAsync(
            store, bucket, paths, connections, path => (prefix + path[root.Length..], File.OpenRead(path)), cancellationToken);
    }

    /// <summary>Uploads a generated tree without writing it to disk first.</summary>
    public static Task<(long Files, long Bytes)> UploadAsync(
        S3Lite store, string bucket, string prefix, TreeSpec spec, int connections = 8, CancellationToken cancellationToken = default) =>
        UploadAsync(
            store, bucket, spec.Enumerate(), connections, file => (prefix + file.Path, new SyntheticStream(spec.Seed, file.Path, file.Length)), cancellationToken);

    private static async Task<(long Files, long Bytes)> UploadAsync<T>(
        S3Lite store, string bucket, IEnumerable<T> items, int connections, Func<T, (string Key, Stream Content)> open, CancellationToken cancellationToken)
    {
        using IEnumerator<T> source = items.GetEnumerator();
        Lock gate = new();
        long files = 0;
        long bytes = 0;
        await Threads.RunAsync(
            "uploader",
            connections,
            _ =>
            {
                while (true)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    T item;
                    lock (gate)
                    {
                        if (!source.MoveNext())
                        {
                            return;
                        }

                        item = source.Current;
                    }

                    (string key, Stream content) = open(item);
                    using (content)
                    {
                        store.Put(bucket, key, content);
                        Interlocked.Increment(ref files);
                        Interlocked.Add(ref bytes, content.Length);
                    }
                }
            });
        return (files, bytes);
    }
}
