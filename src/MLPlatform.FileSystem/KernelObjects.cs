namespace MLPlatform.FileSystem;

/// <summary>
/// Bounds what directory walks make the kernel remember. Every look-up it may remember costs about 1 KB of unswappable memory
/// (inode and dentry), so walks stop handing out references at 5 % of RAM; single look-ups go on. Any thread may call it.
/// </summary>
internal sealed class KernelObjects(long limit)
{
    private const int BytesPerObject = 1024;
    private const int PercentOfMemory = 5;

    private long _references;

    public static KernelObjects ForThisMachine() =>
        new(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 100 * PercentOfMemory / BytesPerObject);

    public long References => Interlocked.Read(ref _references);

    public bool HasRoom => References < limit;

    public void Add() => Interlocked.Increment(ref _references);

    public void Drop(ulong count) => Interlocked.Add(ref _references, -(long)count);
}
