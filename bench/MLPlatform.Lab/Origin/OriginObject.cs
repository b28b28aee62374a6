namespace MLPlatform.Lab;

/// <summary>What a <see cref="LightOrigin"/> tells about one object.</summary>
/// <param name="Length">Bytes.</param>
/// <param name="ETag">Without quotes.</param>
/// <param name="LastModified">Whole seconds show in headers, milliseconds in listings.</param>
/// <param name="StorageClass">Null is STANDARD. A GET of GLACIER or DEEP_ARCHIVE is refused as S3 refuses it.</param>
public sealed record OriginObject(string Key, long Length, string ETag, DateTimeOffset LastModified, string? StorageClass = null);
