using System.Globalization;
using System.IO.Pipelines;

namespace MLPlatform.Lab;

internal sealed partial class OriginApplication
{
    private async Task GetObject(Exchange exchange)
    {
        Interlocked.Increment(ref _gets);
        OriginTarget target = exchange.Target;
        if (Source.Open(target.Bucket, target.Key) is not { } opened)
        {
            await Refuse(exchange, Source.HasBucket(target.Bucket) ? OriginError.NoSuchKey : OriginError.NoSuchBucket);
            return;
        }

        using OriginBody body = opened.Body;
        OriginObject item = opened.Object;
        if (item.StorageClass is "GLACIER" or "DEEP_ARCHIVE")
        {
            await Refuse(exchange, OriginError.InvalidObjectState);
            return;
        }

        if (await AnsweredByCondition(exchange, item))
        {
            return;
        }

        OriginRange? range = _options.IgnoreRanges ? null : OriginRange.Parse(exchange.RequestHeaders.Range, item.Length);
        if (range is { Length: 0 })
        {
            exchange.ResponseHeaders.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes */{item.Length}");
            await Refuse(exchange, OriginError.InvalidRange);
            return;
        }

        Describe(exchange, item, range);
        await exchange.Body.StartAsync();
        await SendBody(exchange.Body.Writer, body, range ?? new OriginRange(0, item.Length));
    }

    private async Task HeadObject(Exchange exchange)
    {
        Interlocked.Increment(ref _heads);
        OriginTarget target = exchange.Target;
        if (Source.Find(target.Bucket, target.Key) is not { } item)
        {
            await Refuse(exchange, Source.HasBucket(target.Bucket) ? OriginError.NoSuchKey : OriginError.NoSuchBucket);
            return;
        }

        if (await AnsweredByCondition(exchange, item))
        {
            return;
        }

        Describe(exchange, item, null);
    }

    private async Task Put(Exchange exchange)
    {
        Interlocked.Increment(ref _puts);
        OriginTarget target = exchange.Target;
        if (target.Key.Length == 0)
        {
            await (Source.HasBucket(target.Bucket) || Source.CreateBucket(target.Bucket) ? WriteXml(exchange, 200, null) : Refuse(exchange, OriginError.NotImplemented));
            return;
        }

        if (!Source.HasBucket(target.Bucket))
        {
            await Refuse(exchange, OriginError.NoSuchBucket);
            return;
        }

        using MemoryStream received = new((int)Math.Min(exchange.RequestHeaders.ContentLength ?? 0, Array.MaxLength));
        await exchange.RequestBody.CopyToAsync(received);
        byte[]? content = received.Length == received.Capacity ? received.GetBuffer() : received.ToArray();
        if (exchange.RequestHeaders["x-amz-content-sha256"].ToString().StartsWith("STREAMING-", StringComparison.Ordinal))
        {
            content = AwsChunked.Decode(content);
        }

        if (content is null)
        {
            await Refuse(exchange, OriginError.IncompleteBody);
            return;
        }

        if (Source.Put(target.Bucket, target.Key, content) is not { } stored)
        {
            await Refuse(exchange, OriginError.InvalidArgument);
            return;
        }

        exchange.ResponseHeaders.ETag = Quote(stored.ETag);
        await WriteXml(exchange, 200, null);
    }

    private Task Delete(Exchange exchange)
    {
        Interlocked.Increment(ref _others);
        OriginTarget target = exchange.Target;
        if (!Source.HasBucket(target.Bucket))
        {
            return Refuse(exchange, OriginError.NoSuchBucket);
        }

        if (target.Key.Length == 0)
        {
            return Refuse(exchange, OriginError.NotImplemented);
        }

        // Deleting what is not there succeeds, as in S3.
        Source.Delete(target.Bucket, target.Key);
        exchange.Response.StatusCode = 204;
        return Task.CompletedTask;
    }

    /// <returns>True when If-Match or If-None-Match decided the answer, which is then sent.</returns>
    private async ValueTask<bool> AnsweredByCondition(Exchange exchange, OriginObject item)
    {
        if (exchange.RequestHeaders.IfMatch is { Count: > 0 } wanted && !Matches(wanted.ToString(), item.ETag))
        {
            await Refuse(exchange, OriginError.PreconditionFailed);
            return true;
        }

        if (exchange.RequestHeaders.IfNoneMatch is { Count: > 0 } known && Matches(known.ToString(), item.ETag))
        {
            exchange.ResponseHeaders.ETag = Quote(item.ETag);
            exchange.Response.StatusCode = 304;
            return true;
        }

        return false;
    }

    private void Describe(Exchange exchange, OriginObject item, OriginRange? range)
    {
        exchange.Response.StatusCode = range is null ? 200 : 206;
        exchange.ResponseHeaders.ContentLength = range?.Length ?? item.Length;
        exchange.ResponseHeaders.ContentType = s_binary;
        exchange.ResponseHeaders.ETag = Quote(item.ETag);
        exchange.ResponseHeaders.LastModified = item.LastModified.UtcDateTime.ToString("R", CultureInfo.InvariantCulture);
        if (!_options.OmitAcceptRanges)
        {
            exchange.ResponseHeaders.AcceptRanges = s_bytes;
        }

        if (item.StorageClass is not null)
        {
            exchange.ResponseHeaders["x-amz-storage-class"] = item.StorageClass;
        }

        if (range is { } part)
        {
            exchange.ResponseHeaders.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {part.Offset}-{part.Offset + part.Length - 1}/{item.Length}");
        }
    }

    private async Task SendBody(PipeWriter writer, OriginBody body, OriginRange range)
    {
        long offset = range.Offset;
        long end = offset + range.Length;
        while (offset < end)
        {
            // One large piece of memory per flush: Kestrel's own blocks are 4 KiB, and a send of 64 of them costs more than one of 256 KiB.
            int count = (int)Math.Min(end - offset, FlushBytes);
            body.Read(offset, writer.GetMemory(count).Span[..count]);
            writer.Advance(count);

            // Counted first: who has the last byte of an answer finds it counted.
            Interlocked.Add(ref _bodyBytes, count);
            FlushResult flushed = await writer.FlushAsync();
            if (flushed.IsCompleted)
            {
                return; // The client has gone.
            }

            offset += count;
        }
    }

    private string Quote(string etag) => _options.UnquotedETags ? etag : $"\"{etag}\"";

    /// <param name="wanted">A list of ETags with or without quotes, or a star.</param>
    private static bool Matches(string wanted, string etag)
    {
        foreach (Range part in wanted.AsSpan().Split(','))
        {
            ReadOnlySpan<char> one = wanted.AsSpan(part).Trim();
            if (one is "*" || one.Trim('"').SequenceEqual(etag))
            {
                return true;
            }
        }

        return false;
    }
}
