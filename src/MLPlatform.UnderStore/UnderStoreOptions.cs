namespace MLPlatform.UnderStore;

/// <summary>How to reach a store, the same for every scheme; what a scheme does not use it ignores.</summary>
public sealed record UnderStoreOptions
{
    /// <summary>S3: another endpoint than AWS's own. No region is needed with it.</summary>
    public string? EndpointUrl { get; init; }

    public string? Region { get; init; }

    /// <summary>S3: send requests unsigned.</summary>
    public bool Anonymous { get; init; }

    /// <summary>A reference to credentials, never a secret itself: <c>profile:NAME</c> (the SDK's shared files), <c>file:PATH</c> (an INI file with
    /// aws_access_key_id, aws_secret_access_key and perhaps aws_session_token), <c>env</c>. Null: the SDK's default chain.</summary>
    public string? Credentials { get; init; }

    /// <summary>S3: null means on with <see cref="EndpointUrl"/>, off without.</summary>
    public bool? PathStyle { get; init; }

    /// <summary>Longest wait for a connection and for the first byte of an answer. A healthy S3 answers within 200 ms; five seconds let a busy one live.</summary>
    public TimeSpan FirstByteTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Longest silence between bytes of one answer.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Most ranged reads at once.</summary>
    public int MaxParallelism { get; init; } = 64;
}
