using Microsoft.Win32.SafeHandles;

namespace MLPlatform.Client;

/// <summary>A local file that the kernel reads without us. Its bytes stay as they are until this is disposed, whatever is evicted meanwhile.</summary>
public interface IKernelFile : IDisposable
{
    /// <summary>Open for reading; closed with this object.</summary>
    SafeFileHandle Handle { get; }
}
