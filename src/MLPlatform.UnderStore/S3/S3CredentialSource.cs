using MLPlatform.Core;

namespace MLPlatform.UnderStore.S3;

/// <summary>
/// Credentials by reference or from the SDK's chain, asked for once and then every half minute, so that a GET pays a read
/// of a field. The SDK's classes renew what expires some minutes early; a file is read again when it may have changed.
/// </summary>
internal sealed class S3CredentialSource : IS3CredentialSource
{
    // The SDK renews at least this long before expiry, so what it gave this long ago still signs.
    private static readonly TimeSpan s_maxAge = TimeSpan.FromSeconds(30);

    // A login helper or a web identity call may take seconds; the metadata service has its own, shorter bound.
    private static readonly TimeSpan s_maxWait = TimeSpan.FromSeconds(30);

    private readonly TimeProvider _time;
    private readonly Func<Task<S3Credentials?>> _fetch;
    private readonly Lock _lock = new();
    private volatile Held? _held;
    private Task<S3Credentials?>? _fetching;

    /// <param name="fetch">Gets credentials now; null means requests go unsigned. It may block.</param>
    public S3CredentialSource(TimeProvider time, Func<Task<S3Credentials?>> fetch)
    {
        _time = time;
        _fetch = fetch;
    }

    public ValueTask<S3Credentials?> GetAsync(CancellationToken cancellationToken)
    {
        if (_held is { } held && _time.GetElapsedTime(held.Since) < s_maxAge)
        {
            return ValueTask.FromResult(held.Credentials);
        }

        // One caller's token must not end what others wait for too.
        Task<S3Credentials?> fetching;
        lock (_lock)
        {
            fetching = _fetching ??= FetchAsync();
        }

        return new ValueTask<S3Credentials?>(fetching.WaitAsync(cancellationToken));
    }

    public void Refused(S3Credentials? refused)
    {
        if (_held is { } held && ReferenceEquals(held.Credentials, refused))
        {
            _held = held with { Since = _time.GetTimestamp() - (_time.TimestampFrequency * (long)(s_maxAge.TotalSeconds + 1)) };
        }
    }

    private async Task<S3Credentials?> FetchAsync()
    {
        await Task.Yield(); // The task is stored before it can end.
        try
        {
            S3Credentials? fresh = await Task.Run(_fetch).WaitAsync(s_maxWait, _time);

            // The same keys stay the same object, and with it their signing key.
            S3Credentials? old = _held?.Credentials;
            fresh = fresh is not null && fresh.Equals(old) ? old : fresh;
            _held = new Held(fresh, _time.GetTimestamp());
            return fresh;
        }
        catch (TimeoutException e)
        {
            throw new CacheException(CacheError.Unreachable, $"Whoever gives the S3 credentials did not answer within {Duration.Format(s_maxWait)}.", e);
        }
        catch (Exception e) when (e is not CacheException) // Login helpers, files and four services stand behind the SDK, and what they throw is not written down.
        {
            // Keys that still are valid outlive a failed renewal; when they expire, the store says so.
            if (_held is { Credentials: { } held })
            {
                _held = new Held(held, _time.GetTimestamp());
                return held;
            }

            throw new CacheException(CacheError.Unauthenticated, $"The S3 credentials cannot be had: {FirstLine(e.Message)} Check the profile, or give others with --credentials.", e);
        }
        finally
        {
            lock (_lock)
            {
                _fetching = null;
            }
        }
    }

    private static string FirstLine(string text)
    {
        string line = text.Split('\n', 2)[0].Trim();
        return line.EndsWith('.') ? line : line + ".";
    }

    private sealed record Held(S3Credentials? Credentials, long Since);
}
