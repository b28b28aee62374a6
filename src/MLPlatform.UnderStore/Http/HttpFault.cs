namespace MLPlatform.UnderStore.Http;

/// <summary>What went wrong below HTTP.</summary>
internal enum HttpFaultKind
{
    /// <summary>The name has no address.</summary>
    NoSuchHost,

    /// <summary>Nobody listens.</summary>
    Refused,

    /// <summary>No connection, no first byte or no further byte in time.</summary>
    TimedOut,

    /// <summary>TLS could not be agreed on, or the certificate is not trusted.</summary>
    Tls,

    /// <summary>Broken while in use.</summary>
    Broken,

    /// <summary>The peer speaks no HTTP/1.1 that can be understood.</summary>
    Malformed,

    /// <summary>The proxy refused.</summary>
    Proxy,
}

/// <summary>A failed exchange. The message is the end of a sentence that begins with the origin: "refused the connection".</summary>
internal sealed class HttpFault(HttpFaultKind kind, string message, Exception? innerException = null) : Exception(message, innerException)
{
    public HttpFaultKind Kind { get; } = kind;
}
