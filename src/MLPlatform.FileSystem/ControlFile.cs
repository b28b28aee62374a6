namespace MLPlatform.FileSystem;

/// <summary>One text below <c>.mlp</c>.</summary>
/// <param name="OwnerOnly">Only the mounting user may read it.</param>
/// <param name="Text">Made at each open; must not wait.</param>
public sealed record ControlFile(string Name, bool OwnerOnly, Func<string> Text);
