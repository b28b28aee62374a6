namespace MLPlatform.UnderStore.Http;

/// <summary>The longest waits of one exchange.</summary>
/// <param name="Connect">For a connection, TLS included.</param>
/// <param name="Stall">Between two pieces of one answer.</param>
internal readonly record struct HttpTimeouts(TimeSpan Connect, TimeSpan Stall);
