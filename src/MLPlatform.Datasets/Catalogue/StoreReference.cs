using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>How to reach a store, as far as a dataset remembers it: by reference, never with a secret.</summary>
public sealed record StoreReference
{
    public string? EndpointUrl { get; init; }

    public string? Region { get; init; }

    public bool Anonymous { get; init; }

    /// <summary><c>profile:NAME</c>, <c>file:PATH</c> or <c>env</c>.</summary>
    public string? Credentials { get; init; }

    public bool? PathStyle { get; init; }

    public static StoreReference From(UnderStoreOptions options) => new()
    {
        EndpointUrl = options.EndpointUrl,
        Region = options.Region,
        Anonymous = options.Anonymous,
        Credentials = options.Credentials,
        PathStyle = options.PathStyle,
    };

    /// <summary>The options to open the store with. What the dataset remembers wins over the caller's, but for the credentials: who mounts may be another than who added.</summary>
    public UnderStoreOptions Over(UnderStoreOptions caller) => caller with
    {
        EndpointUrl = EndpointUrl ?? caller.EndpointUrl,
        Region = Region ?? caller.Region,
        Anonymous = Anonymous || caller.Anonymous,
        Credentials = caller.Credentials ?? Credentials,
        PathStyle = PathStyle ?? caller.PathStyle,
    };

    /// <exception cref="CacheException"><c>Configuration</c>: something in here may be a secret.</exception>
    internal void Check(string dataset)
    {
        if (Credentials is not (null or "env") && !Credentials.StartsWith("profile:", StringComparison.Ordinal) && !Credentials.StartsWith("file:", StringComparison.Ordinal))
        {
            throw new CacheException(CacheError.Configuration, $"The credentials of dataset {dataset} are no reference; write profile:NAME, file:PATH or env, and never a secret itself.");
        }

        if (EndpointUrl is not null && Uri.TryCreate(EndpointUrl, UriKind.Absolute, out Uri? url) && url.UserInfo.Length > 0)
        {
            throw new CacheException(CacheError.Configuration, $"The endpoint of dataset {dataset} holds a user or a password; give credentials by reference instead.");
        }
    }
}
