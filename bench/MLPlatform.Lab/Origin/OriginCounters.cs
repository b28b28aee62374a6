namespace MLPlatform.Lab;

/// <summary>What a <see cref="LightOrigin"/> was asked up to one moment. Subtract two for what happened between.</summary>
/// <param name="Gets">GETs of objects, failed ones included.</param>
/// <param name="Lists">Listing pages.</param>
/// <param name="Puts">PUTs of objects and buckets.</param>
/// <param name="Others">Everything else.</param>
/// <param name="Errors">Answers of status 400 and above.</param>
/// <param name="BodyBytes">Object bytes handed to sockets, counted before a client can have them; listings and errors do not count.</param>
public readonly record struct OriginCounters(long Gets, long Heads, long Lists, long Puts, long Others, long Errors, long BodyBytes)
{
    public long Requests => Gets + Heads + Lists + Puts + Others;

    public static OriginCounters operator -(OriginCounters left, OriginCounters right) => new(
        left.Gets - right.Gets,
        left.Heads - right.Heads,
        left.Lists - right.Lists,
        left.Puts - right.Puts,
        left.Others - right.Others,
        left.Errors - right.Errors,
        left.BodyBytes - right.BodyBytes);
}
