using System.Runtime.InteropServices;

namespace MLPlatform.Core;

/// <summary>A run of native memory, laid out as C's <c>struct iovec</c> so that a span of them goes to writev(2) as it is.</summary>
/// <param name="Address">First byte.</param>
/// <param name="Length">Bytes.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct NativeSegment(nint Address, nint Length);
