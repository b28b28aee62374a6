using Microsoft.Win32.SafeHandles;

namespace MLPlatform.Protocol;

/// <summary>An answer. Descriptors are duplicated when it is sent; <paramref name="Sent"/> is disposed then, or when it cannot be sent.</summary>
/// <param name="Sent">What keeps payload and descriptors alive until they have gone.</param>
public readonly record struct FrameReply(FramePayload Payload, ReadOnlyMemory<SafeFileHandle> Descriptors = default, IDisposable? Sent = null);
