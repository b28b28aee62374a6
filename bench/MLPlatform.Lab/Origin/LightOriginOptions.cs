namespace MLPlatform.Lab;

/// <summary>How a <see cref="LightOrigin"/> behaves. The defaults behave as S3 does; the rest are oddities of real servers.</summary>
public sealed record LightOriginOptions
{
    /// <summary>Port on 127.0.0.1; 0 takes a free one.</summary>
    public int Port { get; init; }

    /// <summary>With a secret: requests must be signed for this key by SigV4 header authentication. Null accepts everything.</summary>
    public string? AccessKey { get; init; }

    public string? SecretKey { get; init; }

    /// <summary>Where the buckets are; told by HEAD of a bucket and by <c>?location</c>, and demanded of signatures.</summary>
    public string Region { get; init; } = "us-east-1";

    /// <summary>Upper bound of keys per listing page, whatever <c>max-keys</c> says.</summary>
    public int MaxPageKeys { get; init; } = 1000;

    /// <summary>Listing pages end early at places that look random, some of them empty, and say that there is more.</summary>
    public bool ShortPages { get; init; }

    /// <summary>ETags without quotes, in headers and listings.</summary>
    public bool UnquotedETags { get; init; }

    /// <summary>Leaves <c>Accept-Ranges</c> out, as some servers do although they serve ranges.</summary>
    public bool OmitAcceptRanges { get; init; }

    /// <summary>Answers range requests with 200 and the whole object, as servers without ranges may.</summary>
    public bool IgnoreRanges { get; init; }

    /// <summary>Largest object that PUT takes; it is held in memory.</summary>
    public long MaxPutBytes { get; init; } = 1L << 30;
}
