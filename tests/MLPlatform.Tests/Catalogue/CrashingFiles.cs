using MLPlatform.Datasets;

namespace MLPlatform.Tests.Catalogues;

/// <summary>The real disk until the process "dies" before an operation; nothing reaches the disk from then on.</summary>
internal sealed class CrashingFiles(int operationsBeforeCrash) : IFileOperations
{
    public int Operations { get; private set; }

    public bool Crashed { get; private set; }

    public void CreateDirectory(string path)
    {
        Count();
        FileOperations.Instance.CreateDirectory(path);
    }

    public void Write(string path, ReadOnlySpan<byte> content)
    {
        if (Operations == operationsBeforeCrash)
        {
            File.WriteAllBytes(path, content[..(content.Length / 2)]); // A torn write is the most that a crash leaves.
        }

        Count();
        FileOperations.Instance.Write(path, content);
    }

    public void Rename(string from, string to)
    {
        Count();
        FileOperations.Instance.Rename(from, to);
    }

    public void FlushDirectory(string path)
    {
        Count();
        FileOperations.Instance.FlushDirectory(path);
    }

    public void DeleteFile(string path)
    {
        Count();
        FileOperations.Instance.DeleteFile(path);
    }

    public void DeleteTree(string path)
    {
        if (Operations == operationsBeforeCrash && Directory.EnumerateFiles(path).FirstOrDefault() is { } one)
        {
            File.Delete(one);
        }

        Count();
        FileOperations.Instance.DeleteTree(path);
    }

    private void Count()
    {
        Crashed |= Operations >= operationsBeforeCrash;
        if (Crashed)
        {
            throw new CrashException();
        }

        Operations++;
    }

    internal sealed class CrashException : Exception;
}
