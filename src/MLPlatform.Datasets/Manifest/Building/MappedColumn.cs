using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>A <see cref="TempColumn"/> open for changes at any place. Its memory is the file's, which the kernel can take back. For one thread.</summary>
internal sealed unsafe class MappedColumn : IDisposable
{
    private readonly MemoryMappedFile? _file;
    private readonly MemoryMappedViewAccessor? _view;
    private readonly long* _values;
    private readonly long _count;

    public MappedColumn(SafeFileHandle file, long count)
    {
        _count = count;
        if (count > 0)
        {
            _file = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: true);
            _view = _file.CreateViewAccessor(0, count * sizeof(long));
            byte* start = null;
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
            _values = (long*)start;
        }
    }

    public ref long this[long index]
    {
        get
        {
            Invariant.That((ulong)index < (ulong)_count);
            return ref _values[index];
        }
    }

    public void Dispose()
    {
        _view?.SafeMemoryMappedViewHandle.ReleasePointer();
        _view?.Dispose();
        _file?.Dispose();
    }
}
