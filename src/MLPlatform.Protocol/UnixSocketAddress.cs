using System.Net.Sockets;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace MLPlatform.Protocol;

/// <summary>The address of a socket file. An address holds 107 bytes; a longer path is reached through an open descriptor of its directory, which this keeps.</summary>
internal sealed class UnixSocketAddress : IDisposable
{
    // sizeof(sun_path) without the zero at its end.
    private const int MaxPathBytes = 107;

    private readonly SafeFileHandle? _directory;

    private UnixSocketAddress(string path, SafeFileHandle? directory)
    {
        EndPoint = new UnixDomainSocketEndPoint(path);
        _directory = directory;
    }

    public UnixDomainSocketEndPoint EndPoint { get; }

    /// <exception cref="IOException">The directory cannot be opened.</exception>
    public static UnixSocketAddress Of(string path)
    {
        if (Encoding.UTF8.GetByteCount(path) <= MaxPathBytes)
        {
            return new UnixSocketAddress(path, null);
        }

        SafeFileHandle directory = ProtocolLibc.OpenDirectory(Path.GetDirectoryName(path)!);
        return new UnixSocketAddress($"/proc/self/fd/{directory.DangerousGetHandle()}/{Path.GetFileName(path)}", directory);
    }

    public void Dispose() => _directory?.Dispose();
}
