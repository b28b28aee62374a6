namespace MLPlatform.Fuse;

/// <summary>One line of /proc/self/mountinfo (proc(5)).</summary>
/// <param name="DeviceNumber"><c>major:minor</c>; the minor number names the FUSE connection.</param>
public sealed record MountEntry(int Id, string DeviceNumber, string Directory, string Type, string Source, string Options, string SuperOptions);
