namespace MLPlatform.Cli.Doctor;

internal enum FindingStatus
{
    Ok,

    /// <summary>Works, but not for everybody or not as well as it could.</summary>
    Warn,

    /// <summary>A mount would fail.</summary>
    Fail,
}

/// <summary>One line of <c>mlp doctor</c>.</summary>
/// <param name="Name">One or two words that stay the same, for scripts.</param>
/// <param name="What">What was found.</param>
/// <param name="Remedy">What to do about it; null where there is nothing to do.</param>
internal sealed record Finding(string Name, FindingStatus Status, string What, string? Remedy = null)
{
    public static Finding Ok(string name, string what) => new(name, FindingStatus.Ok, what);

    public static Finding Warn(string name, string what, string remedy) => new(name, FindingStatus.Warn, what, remedy);

    public static Finding Fail(string name, string what, string remedy) => new(name, FindingStatus.Fail, what, remedy);
}
