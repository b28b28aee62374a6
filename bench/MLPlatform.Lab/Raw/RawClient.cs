using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace MLPlatform.Lab;

/// <summary>
/// The floor that cold reads are measured against: the fastest simple S3 client. Blocking sockets on threads of their own,
/// kept connections, bytes received into one buffer over and over and dropped there.
/// </summary>
public sealed class RawClient(RawClientOptions options)
{
    private static readonly (string, string)[] s_noHeaders = [];

    public RawClientOptions Options => options;

    /// <summary>Reads whole objects; the connections share the list from its start to its end.</summary>
    public Task<RawResult> GetObjectsAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken = default)
    {
        int next = -1;
        return RunAsync(
            (connection, totals) =>
            {
                for (int i; (i = Interlocked.Increment(ref next)) < keys.Count;)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    totals.Bytes += Get(connection, S3Lite.PathOf(options.Bucket, keys[i]), null, 200);
                    totals.Requests++;
                    totals.Objects++;
                }
            });
    }

    /// <summary>Reads large objects as ranges of <see cref="RawClientOptions.PartBytes"/>, one object after the other, all connections on each.</summary>
    public Task<RawResult> GetRangesAsync(IReadOnlyList<(string Key, long Length)> objects, CancellationToken cancellationToken = default)
    {
        List<(string Path, long Offset, long Last)> parts = [];
        foreach ((string key, long length) in objects)
        {
            for (long offset = 0; offset < length; offset += options.PartBytes)
            {
                parts.Add((S3Lite.PathOf(options.Bucket, key), offset, Math.Min(offset + options.PartBytes, length) - 1));
            }
        }

        int next = -1;
        return RunAsync(
            (connection, totals) =>
            {
                for (int i; (i = Interlocked.Increment(ref next)) < parts.Count;)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    (string path, long offset, long last) = parts[i];
                    totals.Bytes += Get(connection, path, string.Create(CultureInfo.InvariantCulture, $"bytes={offset}-{last}"), 206);
                    totals.Requests++;
                    totals.Objects += offset == 0 ? 1 : 0;
                }
            });
    }

    /// <summary>Lists every key below a prefix, page after page on one connection: pages depend on each other.</summary>
    /// <param name="onKey">Called for each key, still as the server wrote it; null only counts.</param>
    public Task<RawResult> ListAsync(string prefix = "", Action<string, long>? onKey = null, CancellationToken cancellationToken = default) =>
        ListAsync([prefix], onKey, cancellationToken);

    /// <summary>Lists several prefixes on as many connections as there are.</summary>
    /// <param name="onKey">Key and length; called from all connections' threads.</param>
    public Task<RawResult> ListAsync(IReadOnlyList<string> prefixes, Action<string, long>? onKey = null, CancellationToken cancellationToken = default)
    {
        int next = -1;
        return RunAsync(
            (connection, totals) =>
            {
                for (int i; (i = Interlocked.Increment(ref next)) < prefixes.Count;)
                {
                    string token = "";
                    do
                    {
                        cancellationToken.ThrowIfCancellationRequested();
                        token = ListPage(connection, prefixes[i], token, onKey, totals);
                    }
                    while (token.Length > 0);
                }
            });
    }

    private async Task<RawResult> RunAsync(Action<S3Connection, Totals> work)
    {
        Totals[] totals = new Totals[options.Connections];
        long start = Stopwatch.GetTimestamp();
        await Threads.RunAsync(
            "raw-client",
            options.Connections,
            index =>
            {
                Totals mine = totals[index] = new Totals();
                double cpu = ThreadCpu.Seconds;
                using S3Connection connection = new(options.Endpoint, options.Signer, options.Timeout, options.BufferBytes);
                work(connection, mine);
                mine.CpuSeconds = ThreadCpu.Seconds - cpu;
            });
        return new RawResult(
            totals.Sum(t => t.Objects), totals.Sum(t => t.Requests), totals.Sum(t => t.Bytes), Stopwatch.GetElapsedTime(start).TotalSeconds, totals.Sum(t => t.CpuSeconds));
    }

    /// <returns>Payload bytes received and dropped.</returns>
    private static long Get(S3Connection connection, string path, string? range, int expected)
    {
        HttpWire wire = connection.Wire;
        wire.Send(Encoding.ASCII.GetBytes(connection.Head("GET", path, "", range is null ? s_noHeaders : [("range", range)], S3Signer.UnsignedPayload, -1)));
        int headBytes = wire.ReadHead();
        HttpHead head = headBytes == 0 ? throw new IOException("The server closed the connection without an answer.") : new HttpHead(wire.Buffered[..headBytes]);
        if (head.Status != expected)
        {
            throw new IOException($"GET {path} gave {head.Status} instead of {expected}.");
        }

        BodyReader body = BodyReader.OfResponse(head, isHead: false);
        wire.Consume(headBytes);
        long bytes = 0;
        while (body.Next(wire) is { IsEnd: false } piece)
        {
            bytes += piece.IsPayload ? piece.Bytes : 0;
            wire.Consume(piece.Bytes);
        }

        return bytes;
    }

    private string ListPage(S3Connection connection, string prefix, string token, Action<string, long>? onKey, Totals totals)
    {
        string query = $"list-type=2&max-keys=1000&prefix={S3Escape.Escape(prefix, false)}{(token.Length == 0 ? "" : "&continuation-token=" + S3Escape.Escape(token, false))}";
        S3Response response = connection.Send("GET", "/" + S3Escape.Escape(options.Bucket, false), query, s_noHeaders, null);
        if (response.Status != 200)
        {
            throw new IOException($"LIST {options.Bucket} gave {response.Status} {response.ErrorCode}.");
        }

        totals.Requests++;
        totals.Bytes += response.Body.Length;
        ReadOnlySpan<byte> rest = response.Body;
        for (int at; (at = rest.IndexOf("<Key>"u8)) >= 0;)
        {
            totals.Objects++;
            rest = rest[(at + 5)..];
            if (onKey is not null)
            {
                int end = rest.IndexOf("</Key>"u8);
                int size = rest.IndexOf("<Size>"u8) + 6;
                System.Buffers.Text.Utf8Parser.TryParse(rest[size..], out long length, out int _);
                onKey(System.Net.WebUtility.HtmlDecode(Encoding.UTF8.GetString(rest[..end])), length);
            }
        }

        return System.Net.WebUtility.HtmlDecode(S3Response.Between(response.Text, "<NextContinuationToken>", "</NextContinuationToken>"));
    }

    private sealed class Totals
    {
        public long Objects { get; set; }

        public long Requests { get; set; }

        public long Bytes { get; set; }

        public double CpuSeconds { get; set; }
    }
}
