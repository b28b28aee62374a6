namespace MLPlatform.Tiers.Segments;

/// <summary>What a record's header or its row in a segment's table says of it.</summary>
internal readonly record struct RecordHeader(FileKey Key, int Length, uint Dataset, uint Created, uint Flags);
