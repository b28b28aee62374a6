namespace MLPlatform.Lab;

/// <summary>One file of a generated tree.</summary>
/// <param name="Path">Relative, with slashes; also the key when the tree lies in a store.</param>
/// <param name="Length">Bytes.</param>
public readonly record struct TreeFile(string Path, long Length);
