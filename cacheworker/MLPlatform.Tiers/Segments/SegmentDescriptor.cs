using Microsoft.Win32.SafeHandles;

namespace MLPlatform.Tiers.Segments;

/// <summary>
/// An open file that is closed when its owner and all its users have let go, so that its number never means another file to a reader who is still
/// in a system call. Any thread may call it.
/// </summary>
/// <param name="file">Owned. The caller is the first user.</param>
internal sealed class SegmentDescriptor(SafeFileHandle file)
{
    private int _users = 1;

    public SafeFileHandle File => file;

    /// <returns>False when it is closed already.</returns>
    public bool TryEnter()
    {
        int users = Volatile.Read(ref _users);
        while (users > 0)
        {
            int seen = Interlocked.CompareExchange(ref _users, users + 1, users);
            if (seen == users)
            {
                return true;
            }

            users = seen;
        }

        return false;
    }

    public void Leave()
    {
        if (Interlocked.Decrement(ref _users) == 0)
        {
            file.Dispose();
        }
    }
}
