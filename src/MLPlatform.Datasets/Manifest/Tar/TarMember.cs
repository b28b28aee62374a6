namespace MLPlatform.Datasets;

/// <summary>One entry of a tar.</summary>
/// <param name="Offset">Where its bytes begin in the tar.</param>
internal readonly record struct TarMember(TarMemberKind Kind, long Offset, long Size, long MtimeNanoseconds);
