namespace MLPlatform.Lab;

/// <summary>The parameters of one listing request, decoded.</summary>
/// <param name="After">Exclusive lower bound: <c>start-after</c> (version 2) or <c>marker</c> (version 1).</param>
/// <param name="Token">Continuation token as <see cref="OriginLister"/> gave it; null on the first page.</param>
/// <param name="MaxKeys">As asked for.</param>
/// <param name="EncodeUrl"><c>encoding-type=url</c>.</param>
/// <param name="Version">1 or 2.</param>
internal sealed record ListQuery(string Bucket, string Prefix, string Delimiter, string After, string? Token, int MaxKeys, bool EncodeUrl, int Version);
