using Microsoft.Extensions.Logging;
using MLPlatform.Core;
using MLPlatform.UnderStore.Local;
using MLPlatform.UnderStore.S3;

namespace MLPlatform.UnderStore;

/// <summary>Opens the store that a source names. A new scheme is one more row of the table.</summary>
public static class UnderStoreFactory
{
    private delegate IUnderStore Opener(UnderStoreUri uri, UnderStoreOptions options, TimeProvider time, ILoggerFactory loggers);

    private static readonly Dictionary<string, Opener> s_schemes = new(StringComparer.Ordinal)
    {
        ["file"] = static (uri, options, _, _) => new FileUnderStore(uri.LocalPath(Environment.CurrentDirectory), options),
        ["s3"] = static (uri, options, time, loggers) => S3UnderStore.Open(uri, options, time, loggers),
    };

    /// <summary>Scheme names that <see cref="Open"/> knows, for messages and completion.</summary>
    public static IReadOnlyCollection<string> Schemes => s_schemes.Keys;

    /// <summary>Makes the store; nothing is asked of it yet, so a store that is down opens, and <see cref="IUnderStore.CheckAsync"/> tells.</summary>
    /// <param name="uri"><c>s3://bucket[/prefix]</c>, <c>file:///path</c> or a plain path, relative ones included.</param>
    /// <exception cref="CacheException"><c>Configuration</c>: the source or an option cannot work; the message says what to write instead.</exception>
    public static IUnderStore Open(string uri, UnderStoreOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        UnderStoreUri parsed = UnderStoreUri.Parse(uri, s_schemes.Keys);
        return s_schemes[parsed.Scheme](parsed, options, time, loggers);
    }
}
