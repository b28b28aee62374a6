using System.Globalization;
using System.Text.Json;
using MLPlatform.CacheWorker;
using MLPlatform.Core;

namespace MLPlatform.Cli.Preloading;

/// <summary>Says how far a preload is, for people and for scripts. Rates are those of the last few seconds. For one thread at a time.</summary>
internal sealed class PreloadWords(TimeProvider time)
{
    private static readonly TimeSpan s_window = TimeSpan.FromSeconds(5);

    private readonly Queue<(long At, PreloadStatus Status)> _recent = new();

    public string Line(PreloadStatus status)
    {
        (double files, double bytes, TimeSpan? left) = Rates(status);
        string failed = status.FailedFiles == 0 ? "" : $", {Count(status.FailedFiles)} failed";
        string eta = left is { } rest ? $", {Duration.Format(TimeSpan.FromSeconds(Math.Ceiling(rest.TotalSeconds)))} left" : "";
        return $"{Count(status.DoneFiles)} of {Count(status.Files)} files, {ByteSize.Format(status.HereBytes + status.FetchedBytes)} of {ByteSize.Format(status.Bytes)}, "
            + $"{Count((long)files)} files/s, {ByteSize.Format((long)bytes)}/s{eta}{failed}";
    }

    public void Write(Utf8JsonWriter json, PreloadStatus status, bool isDone)
    {
        (double files, double bytes, TimeSpan? left) = Rates(status);
        json.WriteBoolean("done", isDone);
        json.WriteNumber("files", status.Files);
        json.WriteNumber("bytes", status.Bytes);
        json.WriteNumber("files_done", status.DoneFiles);
        json.WriteNumber("bytes_done", status.HereBytes + status.FetchedBytes);
        json.WriteNumber("fetched_files", status.FetchedFiles);
        json.WriteNumber("fetched_bytes", status.FetchedBytes);
        json.WriteNumber("present_files", status.HereFiles);
        json.WriteNumber("uncached_files", status.UncachedFiles);
        json.WriteNumber("failed_files", status.FailedFiles);
        json.WriteNumber("files_per_s", Math.Round(files, 1));
        json.WriteNumber("bytes_per_s", Math.Round(bytes));
        if (left is { } rest)
        {
            json.WriteNumber("eta_s", Math.Round(rest.TotalSeconds, 1));
        }
    }

    /// <summary>Time that is left: by bytes or by files, whichever says more, since either may be what limits.</summary>
    private (double Files, double Bytes, TimeSpan? Left) Rates(PreloadStatus status)
    {
        long now = time.GetTimestamp();
        _recent.Enqueue((now, status));
        while (_recent.Count > 2 && time.GetElapsedTime(_recent.Peek().At, now) > s_window)
        {
            _recent.Dequeue();
        }

        (long at, PreloadStatus before) = _recent.Peek();
        double seconds = time.GetElapsedTime(at, now).TotalSeconds;
        if (seconds <= 0)
        {
            return (0, 0, null);
        }

        double files = (status.DoneFiles - before.DoneFiles) / seconds;
        double bytes = (status.FetchedBytes - before.FetchedBytes) / seconds;
        double byFiles = files > 0 ? (status.Files - status.DoneFiles) / files : 0;
        double byBytes = bytes > 0 ? (status.Bytes - status.HereBytes - status.FetchedBytes) / bytes : 0;
        double left = Math.Max(byFiles, byBytes);
        return (files, bytes, (files > 0 || bytes > 0) && left < TimeSpan.FromDays(365).TotalSeconds ? TimeSpan.FromSeconds(Math.Max(0, left)) : null);
    }

    private static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);
}
