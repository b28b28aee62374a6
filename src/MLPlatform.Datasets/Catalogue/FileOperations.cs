namespace MLPlatform.Datasets;

/// <summary>The real disk.</summary>
internal sealed class FileOperations : IFileOperations
{
    public static FileOperations Instance { get; } = new();

    public void CreateDirectory(string path) => Directory.CreateDirectory(path);

    public void Write(string path, ReadOnlySpan<byte> content)
    {
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
        file.Write(content);
        file.Flush(flushToDisk: true);
    }

    public void Rename(string from, string to)
    {
        if (Directory.Exists(from))
        {
            Directory.Move(from, to);
        }
        else
        {
            File.Move(from, to, overwrite: true);
        }
    }

    public void FlushDirectory(string path) => DurableDirectory.Flush(path);

    public void DeleteFile(string path) => File.Delete(path);

    public void DeleteTree(string path) => Directory.Delete(path, recursive: true);
}
