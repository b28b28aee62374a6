using System.IO.Pipelines;
using Microsoft.Win32.SafeHandles;

namespace MLPlatform.Protocol;

/// <summary>
/// Two streams of bytes, and file descriptors that lie at positions in them. One reader and one writer at a time. Disposing ends both streams, for the other
/// side too, and closes descriptors that nobody took.
/// </summary>
public interface IFrameTransport : IAsyncDisposable
{
    PipeReader Input { get; }

    PipeWriter Output { get; }

    /// <summary>For messages: "process 4711".</summary>
    string Peer { get; }

    /// <summary>Lets descriptors go with the byte at a position of <see cref="Output"/> that is not written yet. They are duplicated and stay the caller's.</summary>
    /// <exception cref="MLPlatform.Core.CacheException"><c>Unsupported</c>: not over this transport; <c>Busy</c>: none can be made.</exception>
    void Attach(long position, ReadOnlySpan<SafeFileHandle> descriptors);

    /// <summary>Takes the descriptors that came with the byte at a position of <see cref="Input"/>; they are the caller's then. Asked for each frame, in order, also for those without.</summary>
    /// <returns>False when not as many came, or some came before that belong to no frame.</returns>
    bool TryTake(long position, int count, out SafeFileHandle[] descriptors);
}
