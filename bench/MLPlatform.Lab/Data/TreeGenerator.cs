using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;

namespace MLPlatform.Lab;

/// <summary>Writes a <see cref="TreeSpec"/> to a directory.</summary>
public static class TreeGenerator
{
    private const int WriteBytes = 1 << 20;

    // Writing to the page cache is copying: more threads than this only wait for each other's directories.
    private const int WriterThreads = 4;

    /// <param name="directory">Made where it does not exist; files in it that the tree does not have are left alone.</param>
    /// <param name="progress">Told the bytes written so far, now and then.</param>
    /// <exception cref="CacheException"><c>DeviceFull</c>: the tree would not fit.</exception>
    public static async Task WriteAsync(TreeSpec spec, string directory, IProgress<long>? progress = null, CancellationToken cancellationToken = default)
    {
        directory = Directory.CreateDirectory(directory).FullName;
        long total = 0;
        HashSet<string> parents = [];
        foreach (TreeFile file in spec.Enumerate())
        {
            total += file.Length;
            parents.Add(Path.GetDirectoryName(file.Path)!);
        }

        long free = new DriveInfo(directory).AvailableFreeSpace;
        if (total > free)
        {
            throw new CacheException(CacheError.DeviceFull, $"The generated tree needs {ByteSize.Format(total)} in {directory}, which has {ByteSize.Format(free)} free.");
        }

        foreach (string parent in parents)
        {
            Directory.CreateDirectory(Path.Combine(directory, parent));
        }

        IEnumerator<TreeFile> files = spec.Enumerate().GetEnumerator();
        Lock gate = new();
        long written = 0;
        await Threads.RunAsync(
            "tree-generator",
            WriterThreads,
            _ =>
            {
                byte[] buffer = new byte[WriteBytes];
                while (true)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    TreeFile file;
                    lock (gate)
                    {
                        if (!files.MoveNext())
                        {
                            return;
                        }

                        file = files.Current;
                    }

                    WriteFile(spec, Path.Combine(directory, file.Path), file, buffer);
                    progress?.Report(Interlocked.Add(ref written, file.Length));
                }
            });
    }

    private static void WriteFile(TreeSpec spec, string path, TreeFile file, byte[] buffer)
    {
        using SafeFileHandle handle = File.OpenHandle(path, FileMode.Create, FileAccess.Write);
        long phase = SyntheticContent.PhaseOf(spec.Seed, file.Path);
        for (long offset = 0; offset < file.Length; offset += buffer.Length)
        {
            Span<byte> piece = buffer.AsSpan(0, (int)Math.Min(buffer.Length, file.Length - offset));
            SyntheticContent.Fill(phase, offset, piece);
            RandomAccess.Write(handle, piece, offset);
        }
    }
}
