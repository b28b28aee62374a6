namespace MLPlatform.Lab;

/// <summary>One listing page.</summary>
/// <param name="Last">Key or common prefix that the page ends with; the next page begins behind it. Null when nothing follows.</param>
internal sealed record ListResult(List<OriginObject> Objects, List<string> CommonPrefixes, string? Last);
