using System.IO.MemoryMappedFiles;

namespace MLPlatform.MountTests.Support;

/// <summary>A file mapped into this process with every page touched: the kernel keeps such pages unless a server tells it to drop them or memory runs out.</summary>
public sealed class MappedFile : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    public MappedFile(string path)
    {
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        _view = _file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        for (long offset = 0; offset < _view.Capacity; offset += Environment.SystemPageSize)
        {
            _ = _view.ReadByte(offset);
        }
    }

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }
}
