using System.Globalization;
using System.Text;
using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>A lock among processes: an open file with flock(2), which ends with its holder however that ends. The file tells who holds it and stays.</summary>
internal sealed class FileLock : IDisposable
{
    // flock(LOCK_NB) on a file that somebody else holds.
    private const int WouldBlock = 11;

    // Between two looks at a lock; whoever holds one either is done at once or takes seconds.
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(50);

    private readonly FileStream _file;

    private FileLock(FileStream file) => _file = file;

    /// <returns>Null while somebody else, this process included, holds it.</returns>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static FileLock? TryAcquire(string path, string purpose)
    {
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (IOException e) when (e.HResult == WouldBlock)
        {
            return null;
        }

        var held = new FileLock(file);
        held.Describe(purpose);
        return held;
    }

    /// <param name="what">Is changed by the holder, for the message.</param>
    /// <exception cref="CacheException"><c>Busy</c>: somebody held it all the time.</exception>
    public static async Task<FileLock> AcquireAsync(string path, string what, string purpose, TimeSpan deadline, TimeProvider time, CancellationToken cancellationToken)
    {
        long begun = time.GetTimestamp();
        while (true)
        {
            if (TryAcquire(path, purpose) is { } held)
            {
                return held;
            }

            if (time.GetElapsedTime(begun) >= deadline)
            {
                (int Process, string Text)? holder = Read(path);
                string who = holder is { } known ? $"process {known.Process} ({known.Text})" : "another process";
                throw new CacheException(CacheError.Busy, $"{what} is being changed by {who}; wait for it to end or stop it.");
            }

            await Task.Delay(s_interval, time, cancellationToken);
        }
    }

    /// <summary>What the last holder wrote, or null when there is nothing to read.</summary>
    public static (int Process, string Text)? Read(string path)
    {
        try
        {
            Span<byte> content = stackalloc byte[4096];
            string text = Encoding.UTF8.GetString(content[..Math.Max(UnlockedFile.ReadStart(path, content), 0)]);
            int line = text.IndexOf('\n', StringComparison.Ordinal);
            return line > 0 && int.TryParse(text.AsSpan(0, line), NumberStyles.None, CultureInfo.InvariantCulture, out int process) ? (process, text[(line + 1)..].TrimEnd('\n')) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // It serves a message only.
        }
    }

    /// <summary>Replaces what others read about this holder.</summary>
    public void Describe(string text)
    {
        byte[] content = Encoding.UTF8.GetBytes($"{Environment.ProcessId}\n{text}\n");
        RandomAccess.Write(_file.SafeFileHandle, content, 0);
        _file.SetLength(content.Length);
    }

    public void Dispose() => _file.Dispose();
}
