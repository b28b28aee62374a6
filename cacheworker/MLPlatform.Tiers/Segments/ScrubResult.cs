namespace MLPlatform.Tiers.Segments;

/// <summary>What a pass of the scrub saw.</summary>
/// <param name="Records">Read and found right.</param>
/// <param name="Bytes">Payload of those.</param>
/// <param name="Corrupt">Found wrong and dropped.</param>
internal readonly record struct ScrubResult(long Records, long Bytes, long Corrupt);
