using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;

namespace MLPlatform.Protocol;

/// <summary>A frame that has come whole. Whoever holds it disposes it once, which closes descriptors that nobody took.</summary>
public sealed class ReceivedFrame : IDisposable
{
    private readonly byte[] _array;
    private readonly BlockLease? _block;
    private SafeFileHandle[] _descriptors;

    internal ReceivedFrame(in FrameHeader header, byte[] array, BlockLease? block, SafeFileHandle[] descriptors, bool isDropped)
    {
        Header = header;
        _array = array;
        _block = block;
        _descriptors = descriptors;
        IsDropped = isDropped;
    }

    public ReadOnlyMemory<byte> Payload => _block is { } block ? block.Memory : _array;

    /// <summary>Where <see cref="Payload"/> lies; it does not move.</summary>
    public nint Address
    {
        get
        {
            unsafe
            {
                return _block?.Address ?? (nint)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(_array, 0);
            }
        }
    }

    /// <summary>Of a request: what is wanted.</summary>
    public ushort Method => Header.Method;

    internal FrameHeader Header { get; }

    /// <summary>There was no memory for the payload, which is gone.</summary>
    internal bool IsDropped { get; }

    /// <summary>Hands the descriptors to the caller, who closes them.</summary>
    public SafeFileHandle[] TakeDescriptors() => Interlocked.Exchange(ref _descriptors, []);

    public void Dispose()
    {
        foreach (SafeFileHandle descriptor in TakeDescriptors())
        {
            descriptor.Dispose();
        }

        _block?.Dispose();
    }
}
