using Microsoft.Win32.SafeHandles;

namespace MLPlatform.Tiers.Segments;

/// <summary>
/// An open file that is closed when its owner and all its users have let go, so that its number never means another file to a reader who is still
/// in a system call. Any thread may call it.
/// </summary>
/// <param name="file">Owned. The caller is the first user.</param>
internal sealed class SegmentDescriptor(SafeFileHandle file)
{
    private UseCount _users = new();

    public SafeFileHandle File => file;

    /// <returns>False when it is closed already.</returns>
    public bool TryEnter() => _users.TryEnter();

    public void Leave()
    {
        if (_users.Leave())
        {
            file.Dispose();
        }
    }
}
