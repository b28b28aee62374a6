namespace MLPlatform.Datasets;

/// <summary>A list of the files that make a dataset, as somebody gives it.</summary>
/// <param name="Content">Read once, from where it stands. Stays the caller's.</param>
/// <param name="IsNullSeparated">Records end with NUL instead of a line feed.</param>
/// <param name="Name">For messages: the file's name, or that it came from standard input.</param>
public sealed record FileListInput(Stream Content, bool IsNullSeparated, string Name);
