namespace MLPlatform.Lab;

/// <summary>Where a <see cref="LightOrigin"/> has its objects from. All members may be called from any thread.</summary>
public interface IOriginSource
{
    IReadOnlyCollection<string> Buckets { get; }

    bool HasBucket(string bucket);

    /// <returns>Null when there is no such object.</returns>
    OriginObject? Find(string bucket, string key);

    /// <summary>Opens exactly the version that <see cref="Find"/> told of, or a newer one with its own length and ETag.</summary>
    /// <returns>Null when the object has vanished meanwhile.</returns>
    (OriginObject Object, OriginBody Body)? Open(string bucket, string key);

    /// <summary>Objects in <see cref="KeyOrder"/>, from the first key not below <paramref name="from"/> on.</summary>
    IEnumerable<OriginObject> Scan(string bucket, string from);

    /// <returns>The new object; null when this source cannot hold such a key or is not writable.</returns>
    OriginObject? Put(string bucket, string key, byte[] content);

    /// <returns>False when there is no such object.</returns>
    bool Delete(string bucket, string key);

    /// <returns>False when this source makes no buckets.</returns>
    bool CreateBucket(string bucket);
}
