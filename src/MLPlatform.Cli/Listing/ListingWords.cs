using System.Globalization;
using MLPlatform.Core;
using MLPlatform.Datasets;

namespace MLPlatform.Cli.Listing;

/// <summary>Says in one line how far a listing is, not more often than once in an interval. Any thread may report.</summary>
internal sealed class ListingWords(Action<string> say, TimeProvider time, TimeSpan? interval = null) : IProgress<ListProgress>
{
    private readonly TimeSpan _interval = interval ?? TimeSpan.FromSeconds(1);
    private readonly Lock _lock = new();
    private long _last = time.GetTimestamp();

    public void Report(ListProgress value)
    {
        lock (_lock)
        {
            if (time.GetElapsedTime(_last) < _interval)
            {
                return;
            }

            _last = time.GetTimestamp();
        }

        say(Format(value));
    }

    public static string Format(ListProgress progress)
    {
        string files = progress.Files.ToString("N0", CultureInfo.InvariantCulture);
        return progress.Phase == ListPhase.Writing
            ? $"writing the manifest of {files} files, {ByteSize.Format(progress.Bytes)}"
            : $"listing: {files} files, {ByteSize.Format(progress.Bytes)}, {progress.FilesPerSecond.ToString("N0", CultureInfo.InvariantCulture)} files/s";
    }
}
