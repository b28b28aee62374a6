using Microsoft.Win32.SafeHandles;

namespace MLPlatform.Tiers.LargeFiles;

/// <summary>A descriptor of a whole, verified file for somebody who reads it without us. While it lives nothing of the file is punched; deleting only unlinks it.</summary>
internal sealed class PassthroughLease(LargeFile file, SafeFileHandle handle) : IDisposable
{
    private int _disposed;

    public SafeFileHandle Handle => handle;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            handle.Dispose();
            file.EndLease();
        }
    }
}
