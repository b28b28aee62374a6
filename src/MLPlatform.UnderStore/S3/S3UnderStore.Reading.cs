using System.Globalization;
using System.Text;
using MLPlatform.Core;
using MLPlatform.UnderStore.Http;
using MLPlatform.UnderStore.Retry;

namespace MLPlatform.UnderStore.S3;

/// <summary>Ranged reads: the hot path. What arrives is checked against what was asked for before the first byte goes to the sink.</summary>
internal sealed partial class S3UnderStore
{
    public async Task ReadAsync(StoreObject storeObject, long offset, long count, IReadSink sink, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, storeObject.Size - count);
        ReadState state = new(this, storeObject, offset, count, sink);
        await _retrier.RunAsync(state, static (s, token) => s.Store.ReadOnceAsync(s, token), cancellationToken);
    }

    /// <summary>An ETag as If-Match needs it, or null when nothing is known that a server could compare.</summary>
    internal static byte[]? ETagOf(in ObjectIdentity identity)
    {
        switch (identity.Kind)
        {
            case IdentityKind.HexETag:
                byte[] digits = new byte[32];
                identity.Value.TryFormat(digits, out _, "x32", CultureInfo.InvariantCulture);
                return digits;
            case IdentityKind.TextETag when identity.Text!.All(static c => c is > ' ' and < (char)0x7F and not '"'):
                return Encoding.ASCII.GetBytes(identity.Text!);
            default:
                return null;
        }
    }

    /// <summary>Everything that is still missing; more than one request only where a server sends less than asked for.</summary>
    private async ValueTask<bool> ReadOnceAsync(ReadState state, CancellationToken cancellationToken)
    {
        while (state.Done < state.Count)
        {
            long start = state.Offset + state.Done;
            S3Request request = new(false, state.Key, [], start, state.Offset + state.Count - 1, state.ETag);
            Counters.AddGet();
            HttpConnection connection = await SendAsync(request, _options.FirstByteTimeout, cancellationToken);
            try
            {
                (long skip, long length) = CheckAnswer(connection, request, state);
                if (skip > 0)
                {
                    await connection.SkipAsync(skip);
                }

                await connection.ReceiveAsync(state.Sink, length, state, static (s, received) => s.Received(received));
                await connection.ReadEndAsync();
            }
            catch (HttpFault fault)
            {
                throw S3Errors.From(fault, Target(), SubjectOf(request));
            }
            finally
            {
                connection.Release();
            }
        }

        return true;
    }

    /// <summary>Makes sure that the body about to come is the range and the version asked for.</summary>
    /// <returns>Bytes to drop first and bytes to take then.</returns>
    private (long Skip, long Length) CheckAnswer(HttpConnection connection, S3Request request, ReadState state)
    {
        HttpResponseHead head = connection.Head;

        // Some servers ignore If-Match, and some have no quotes around ETags.
        ReadOnlySpan<byte> etag = connection.Header(head.ETag).Trim((byte)'"');
        if (request.ETag is not null && !etag.IsEmpty && !etag.SequenceEqual(request.ETag))
        {
            throw S3Errors.Changed(SubjectOf(request));
        }

        long wanted = request.RangeEnd - request.RangeStart + 1;
        if (head.Status == 206)
        {
            if (head.RangeTotal >= 0 && head.RangeTotal != state.Size)
            {
                throw S3Errors.Changed(SubjectOf(request));
            }

            if (head.RangeStart != request.RangeStart || head.RangeEnd > request.RangeEnd)
            {
                throw new HttpFault(HttpFaultKind.Malformed, head.RangeStart < 0
                    ? "sent a part of an object and not which"
                    : $"sent bytes {head.RangeStart}-{head.RangeEnd} instead of {request.RangeStart}-{request.RangeEnd}");
            }

            long length = head.RangeEnd - head.RangeStart + 1;
            if (head.ContentLength >= 0 && head.ContentLength != length)
            {
                throw new HttpFault(HttpFaultKind.Malformed, $"announced {head.ContentLength} bytes for a range of {length}");
            }

            return (0, length);
        }

        // The whole object, from a server that ignores Range.
        if (head.ContentLength >= 0 && head.ContentLength != state.Size)
        {
            throw S3Errors.Changed(SubjectOf(request));
        }

        return (request.RangeStart, wanted);
    }

    /// <summary>One ranged read over all its attempts.</summary>
    private sealed class ReadState(S3UnderStore store, StoreObject storeObject, long offset, long count, IReadSink sink) : RetryState
    {
        public S3UnderStore Store { get; } = store;

        public IReadSink Sink { get; } = sink;

        public byte[] Key { get; } = store.KeyOf(storeObject.Path);

        public byte[]? ETag { get; } = ETagOf(storeObject.Identity);

        /// <summary>Of the whole object, as Content-Range tells it.</summary>
        public long Size { get; } = storeObject.ObjectSize;

        /// <summary>From the start of the object.</summary>
        public long Offset { get; } = storeObject.Offset + offset;

        public long Count { get; } = count;

        /// <summary>Bytes that the sink has; the next attempt begins after them.</summary>
        public long Done { get; private set; }

        public void Received(int bytes)
        {
            Done += bytes;
            MadeProgress = true;
            Store.Counters.AddBytes(bytes);
        }
    }
}
