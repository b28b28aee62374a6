namespace MLPlatform.Datasets;

internal enum GlobTokenKind
{
    /// <summary>This byte.</summary>
    Byte,

    /// <summary>One character; bytes that are no UTF-8 count one by one.</summary>
    AnyCharacter,

    /// <summary>Any bytes, also none.</summary>
    AnyRun,

    /// <summary>One character of a set, or one that is not in it.</summary>
    Set,
}
