using Microsoft.Win32.SafeHandles;

namespace MLPlatform.Datasets;

/// <summary>
/// Open units, last in, first out: going deep first keeps them few. A directory with a million subdirectories still gives a million, so all but
/// the newest go to a file. Not thread-safe.
/// </summary>
internal sealed class UnitStack : IDisposable
{
    private readonly int _maxInMemory;
    private readonly SafeFileHandle _file;
    private readonly LinkedList<OpenUnit> _newest = new();
    private readonly Stack<(long Offset, int Length, int Count)> _parts = new();
    private long _fileLength;

    /// <param name="maxInMemory">About 200 bytes each.</param>
    public UnitStack(string path, int maxInMemory)
    {
        _maxInMemory = maxInMemory;
        _file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite, FileShare.None, FileOptions.DeleteOnClose);
    }

    public long Count { get; private set; }

    public void Push(OpenUnit unit)
    {
        _newest.AddLast(unit);
        Count++;
        if (_newest.Count > _maxInMemory)
        {
            SpillOldest(_maxInMemory / 2);
        }
    }

    public OpenUnit? TryPop()
    {
        if (_newest.Count == 0 && _parts.Count > 0)
        {
            LoadPart();
        }

        if (_newest.Last is not { } last)
        {
            return null;
        }

        _newest.RemoveLast();
        Count--;
        return last.Value;
    }

    public void Dispose() => _file.Dispose();

    private void SpillOldest(int count)
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes);
        for (int i = 0; i < count; i++)
        {
            _newest.First!.Value.Write(writer);
            _newest.RemoveFirst();
        }

        writer.Flush();
        RandomAccess.Write(_file, bytes.GetBuffer().AsSpan(0, (int)bytes.Length), _fileLength);
        _parts.Push((_fileLength, (int)bytes.Length, count));
        _fileLength += bytes.Length;
    }

    private void LoadPart()
    {
        (long offset, int length, int count) = _parts.Pop();
        byte[] bytes = new byte[length];
        TempBlob.ReadFully(_file, bytes, offset);
        _fileLength = offset;
        using var reader = new BinaryReader(new MemoryStream(bytes));
        for (int i = 0; i < count; i++)
        {
            _newest.AddLast(OpenUnit.Read(reader));
        }
    }
}
