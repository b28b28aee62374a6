namespace MLPlatform.Lab;

/// <summary>What a request asks of a store, told from its method and target (S3 path-style, or WebHDFS by <c>op=</c>).</summary>
public enum RequestKind
{
    /// <summary>GET of an object's bytes.</summary>
    GetObject,

    /// <summary>GET of a listing page.</summary>
    List,

    /// <summary>HEAD, or WebHDFS GETFILESTATUS.</summary>
    Head,

    /// <summary>PUT or POST.</summary>
    Put,

    /// <summary>DELETE and everything else, subresources such as <c>?location</c> included.</summary>
    Other,
}
