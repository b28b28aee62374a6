namespace MLPlatform.Lab;

/// <summary>Bucket, key and query of a path-style request line. Taken from the raw target, because a decoded path has lost <c>%2F</c> and <c>..</c>.</summary>
/// <param name="Path">Escaped, as sent.</param>
/// <param name="Query">Escaped, as sent, without the question mark.</param>
/// <param name="Bucket">Empty for the service itself.</param>
/// <param name="Key">Empty for a bucket.</param>
internal readonly record struct OriginTarget(string Path, string Query, string Bucket, string Key)
{
    public static OriginTarget Parse(string target)
    {
        int question = target.IndexOf('?', StringComparison.Ordinal);
        string path = question < 0 ? target : target[..question];
        string query = question < 0 ? "" : target[(question + 1)..];
        ReadOnlySpan<char> rest = path.AsSpan().TrimStart('/');
        int slash = rest.IndexOf('/');
        return slash < 0
            ? new OriginTarget(path, query, S3Escape.Unescape(rest), "")
            : new OriginTarget(path, query, S3Escape.Unescape(rest[..slash]), S3Escape.Unescape(rest[(slash + 1)..]));
    }

    public bool Asks(string name) => Parameter(name) is not null;

    /// <returns>Null when absent, empty when without a value.</returns>
    public string? Parameter(string name)
    {
        ReadOnlySpan<char> query = Query;
        foreach (Range part in query.Split('&'))
        {
            ReadOnlySpan<char> pair = query[part];
            int equals = pair.IndexOf('=');
            if ((equals < 0 ? pair : pair[..equals]).SequenceEqual(name))
            {
                return equals < 0 ? "" : S3Escape.Unescape(pair[(equals + 1)..], plusIsSpace: true);
            }
        }

        return null;
    }
}
