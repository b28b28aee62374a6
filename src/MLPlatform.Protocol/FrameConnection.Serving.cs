using System.Text;
using MLPlatform.Core;

namespace MLPlatform.Protocol;

/// <summary>The loop that reads frames, and requests of the other side.</summary>
public sealed partial class FrameConnection
{
    // Under _lock: requests of the other side without a response of ours.
    private readonly Dictionary<ulong, CancellationTokenSource> _served = [];
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _servedBytes;
    private int _handlers;

    private async Task ReceiveAsync()
    {
        CacheException reason;
        try
        {
            reason = await ReceiveFramesAsync();
        }
        catch (CacheException e)
        {
            if (e.Error != CacheError.Unreachable)
            {
                ProtocolLog.Cut(_options.Logger, _transport.Peer, e.Message);
            }

            reason = e.Error == CacheError.Unreachable ? e : new CacheException(CacheError.Unreachable, $"The connection to {_transport.Peer} was cut: {e.Message}", e);
        }
        catch (Exception e) // Nobody else would hear of it, and the requests would wait for nothing.
        {
            reason = new CacheException(CacheError.Unreachable, $"The connection to {_transport.Peer} ended: {e.Message}", e);
        }

        End(reason);
        await _transport.Input.CompleteAsync();
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            await _transport.DisposeAsync();
        }

        bool isDrained;
        lock (_lock)
        {
            isDrained = _handlers == 0;
        }

        if (!isDrained)
        {
            await _drained.Task;
        }

        _handler?.Ended(this);
        _completion.TrySetResult();
    }

    private async Task<CacheException> ReceiveFramesAsync()
    {
        while (!_ended.IsCancellationRequested)
        {
            ReceivedFrame? frame = await _reader.ReadAsync(_ended.Token);
            if (frame is null)
            {
                break;
            }

            switch (frame.Header.Kind)
            {
                case FrameKind.Response:
                    if (Unregister(frame.Header.Id) is { } pending)
                    {
                        pending.Complete(frame);
                        break;
                    }

                    frame.Dispose();
                    if (_ended.IsCancellationRequested)
                    {
                        break;
                    }

                    throw new CacheException(CacheError.Corrupt, "A response came that nobody had asked for.");
                case FrameKind.Request:
                    Begin(frame);
                    break;
                case FrameKind.Cancel:
                    CancelServed(frame.Header.Id);
                    frame.Dispose();
                    break;
                default:
                    frame.Dispose();
                    throw new CacheException(CacheError.Corrupt, "A greeting came again.");
            }
        }

        return new CacheException(CacheError.Unreachable, $"{_transport.Peer} has ended the connection.");
    }

    private void Begin(ReceivedFrame request)
    {
        CancellationTokenSource cancellation = CancellationTokenSource.CreateLinkedTokenSource(_ended.Token);
        try
        {
            lock (_lock)
            {
                if (_served.Count >= _options.Limits.MaxRequests || _servedBytes + request.Header.PayloadBytes > _options.Limits.MaxRequestBytes)
                {
                    throw new CacheException(CacheError.Corrupt, "More requests came than was agreed.");
                }

                if (_failure is not null || !_served.TryAdd(request.Header.Id, cancellation))
                {
                    throw new CacheException(CacheError.Corrupt, "A request's number came twice.");
                }

                _servedBytes += request.Header.PayloadBytes;
                _handlers++;
            }
        }
        catch
        {
            request.Dispose();
            cancellation.Dispose();
            throw;
        }

        _ = Task.Run(() => ServeAsync(request, cancellation), CancellationToken.None);
    }

    private void CancelServed(ulong id)
    {
        CancellationTokenSource? cancellation;
        lock (_lock)
        {
            if (!_served.TryGetValue(id, out cancellation))
            {
                return;
            }
        }

        try
        {
            cancellation.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It was answered meanwhile.
        }
    }

    private async Task ServeAsync(ReceivedFrame request, CancellationTokenSource cancellation)
    {
        ulong id = request.Header.Id;
        try
        {
            FrameReply reply = default;
            CacheException? error = null;
            using (request)
            using (CancellationTokenSource deadline = new(TimeSpan.FromMilliseconds(Math.Min(request.Header.DeadlineMilliseconds, int.MaxValue)), _options.Time))
            using (CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellation.Token))
            {
                try
                {
                    reply = request.IsDropped ? throw new CacheException(CacheError.Busy, "There is no memory for the request's bytes now.")
                        : _handler is null ? throw new CacheException(CacheError.Unsupported, "No requests are taken here.")
                        : await _handler.HandleAsync(this, request, either.Token);
                }
                catch (CacheException e)
                {
                    error = e;
                }
                catch (OperationCanceledException e)
                {
                    error = new CacheException(deadline.IsCancellationRequested ? CacheError.DeadlineExceeded : CacheError.Interrupted, "The request was given up.", e);
                }
                catch (Exception e) // Whoever asked waits for an answer, and even a bug gets one.
                {
                    ProtocolLog.RequestCrashed(_options.Logger, _transport.Peer, e);
                    error = new CacheException(CacheError.Unsupported, "The other process failed to handle the request; its log says more.", e);
                }
            }

            await AnswerAsync(id, request.Header.PayloadBytes, reply, error);
        }
        finally
        {
            Forget(id, request.Header.PayloadBytes);
            cancellation.Dispose();
            bool isLast;
            lock (_lock)
            {
                isLast = --_handlers == 0 && _failure is not null;
            }

            if (isLast)
            {
                _drained.TrySetResult();
            }
        }
    }

    private async Task AnswerAsync(ulong id, int bytes, FrameReply reply, CacheException? error)
    {
        using IDisposable? sent = reply.Sent;
        FramePayload payload = error is null ? reply.Payload : new FramePayload(Encoding.UTF8.GetBytes(error.Message));
        if (payload.Length > _peerLimits!.MaxPayloadBytes)
        {
            error = new CacheException(CacheError.Unsupported, "The answer is larger than was agreed.");
            payload = new FramePayload(Encoding.UTF8.GetBytes(error.Message));
        }

        try
        {
            await _writing.WaitAsync(_ended.Token);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        // Before the answer is on its way: whoever has it may use its credit at once.
        Forget(id, bytes);
        try
        {
            _writer.Write(
                new FrameHeader(FrameKind.Response, id, 0, 0, 0, 0, error is null ? FrameStatus.Ok : FrameStatus.Of(error.Error), 0),
                payload,
                error is null ? reply.Descriptors.Span : []);
        }
        catch (Exception e) // The frame is not whole or its descriptors could not be made: the stream is over.
        {
            _writing.Release();
            End(new CacheException(CacheError.Unreachable, $"An answer to {_transport.Peer} could not be sent: {e.Message}", e));
            return;
        }

        await FlushAsync();
    }

    private void Forget(ulong id, int bytes)
    {
        lock (_lock)
        {
            if (_served.Remove(id))
            {
                _servedBytes -= bytes;
            }
        }
    }
}
