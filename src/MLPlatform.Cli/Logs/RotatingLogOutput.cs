using System.Text;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Cli.Mounting;
using MLPlatform.Core;

namespace MLPlatform.Cli.Logs;

/// <summary>
/// Appends lines to a file and starts a new one when it is full: <c>x.log</c> becomes <c>x.log.1</c>, that one <c>x.log.2</c>, and so on;
/// the oldest is deleted. A disk that is full loses lines, never the mount.
/// </summary>
internal sealed class RotatingLogOutput : ILogOutput
{
    private readonly string _path;
    private readonly long _maxBytes;
    private readonly int _olderFiles;
    private readonly bool _ownsStandardError;
    private FileStream _file;

    /// <param name="ownsStandardError">True in a background server, whose stdout and stderr are this file and move on with it.</param>
    /// <exception cref="CacheException"><c>Configuration</c>: the file cannot be written.</exception>
    public RotatingLogOutput(string path, long maxBytes, int olderFiles, bool ownsStandardError)
    {
        _path = path;
        _maxBytes = maxBytes;
        _olderFiles = olderFiles;
        _ownsStandardError = ownsStandardError;
        try
        {
            _file = Open();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CacheException(CacheError.Configuration, $"Cannot write the log {path}: {e.Message.TrimEnd('.')}; name another with --log-file.", e);
        }
    }

    /// <summary>Makes the directory of a log, so that the file can be opened.</summary>
    public static void MakeDirectory(string path)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CacheException(CacheError.Configuration, $"Cannot write the log {path}: {e.Message.TrimEnd('.')}; name another with --log-file.", e);
        }
    }

    public void Write(string line)
    {
        try
        {
            if (_file.Length > 0 && _file.Length + line.Length > _maxBytes)
            {
                Rotate();
            }

            _file.Write(Encoding.UTF8.GetBytes(line));
        }
        catch (IOException)
        {
            // A full disk: the line is lost. Saying so would need the same disk.
        }
    }

    public void Flush()
    {
        try
        {
            _file.Flush();
        }
        catch (IOException)
        {
            // As above.
        }
    }

    public void Dispose() => _file.Dispose();

    // The runtime's append mode seeks once and then writes at offsets of its own; only O_APPEND lets a crash's last words, which come
    // by descriptor 2, stand behind what we wrote.
    private FileStream Open()
    {
        int descriptor = NativeMethods.open(_path, NativeMethods.O_WRONLY | NativeMethods.O_CREAT | NativeMethods.O_APPEND | NativeMethods.O_CLOEXEC, NativeMethods.LogFileMode);
        return descriptor >= 0
            ? new FileStream(new SafeFileHandle(descriptor, ownsHandle: true), FileAccess.Write, bufferSize: 4096)
            : throw new IOException(NativeMethods.Describe(NativeMethods.LastErrno));
    }

    private void Rotate()
    {
        _file.Dispose();
        for (int i = _olderFiles - 1; i >= 1; i--)
        {
            if (File.Exists($"{_path}.{i}"))
            {
                File.Move($"{_path}.{i}", $"{_path}.{i + 1}", overwrite: true);
            }
        }

        if (_olderFiles > 0)
        {
            File.Move(_path, $"{_path}.1", overwrite: true);
        }
        else
        {
            File.Delete(_path);
        }

        _file = Open();
        if (_ownsStandardError)
        {
            int descriptor = _file.SafeFileHandle.DangerousGetHandle().ToInt32();
            _ = NativeMethods.dup2(descriptor, 1);
            _ = NativeMethods.dup2(descriptor, 2);
        }
    }
}
