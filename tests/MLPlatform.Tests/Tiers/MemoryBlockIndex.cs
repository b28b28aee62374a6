using System.Runtime.InteropServices;
using MLPlatform.Core;
using MLPlatform.Tiers;
using MLPlatform.Tiers.Devices;
using MLPlatform.Tiers.Index;

namespace MLPlatform.Tests.Tiers;

/// <summary>A dictionary behind one lock, with checkpoints that are written beside and renamed.</summary>
/// <param name="files">The disk of checkpoints.</param>
/// <param name="path">File of the checkpoint.</param>
internal sealed unsafe class MemoryBlockIndex(IDeviceFiles files, string path) : IBlockIndex
{
    private const int EntryBytes = 40;

    private readonly Dictionary<FileKey, RecordLocation> _entries = [];

    /// <summary>Of the checkpoint it was loaded from; empty if there was none.</summary>
    public byte[] Coverage { get; private init; } = [];

    public long Count
    {
        get
        {
            lock (_entries)
            {
                return _entries.Count;
            }
        }
    }

    public long MemoryBytes => Count * EntryBytes;

    /// <summary>The entries of the last checkpoint, or none.</summary>
    public static MemoryBlockIndex Load(IDeviceFiles files, string path)
    {
        if (!File.Exists(path))
        {
            return new MemoryBlockIndex(files, path);
        }

        ReadOnlySpan<byte> bytes = File.ReadAllBytes(path);
        int coverageBytes = MemoryMarshal.Read<int>(bytes);
        MemoryBlockIndex index = new(files, path) { Coverage = bytes.Slice(4, coverageBytes).ToArray() };
        for (ReadOnlySpan<byte> left = bytes[(4 + coverageBytes)..]; !left.IsEmpty; left = left[EntryBytes..])
        {
            index._entries.Add(MemoryMarshal.Read<FileKey>(left), MemoryMarshal.Read<RecordLocation>(left[16..]));
        }

        return index;
    }

    public bool TryGet(in FileKey key, out RecordLocation location)
    {
        lock (_entries)
        {
            return _entries.TryGetValue(key, out location);
        }
    }

    public bool Set(in FileKey key, in RecordLocation location, out RecordLocation previous)
    {
        lock (_entries)
        {
            bool had = _entries.TryGetValue(key, out previous);
            _entries[key] = location;
            return had;
        }
    }

    public bool TryReplace(in FileKey key, ulong expectedPlace, in RecordLocation location)
    {
        lock (_entries)
        {
            if (!_entries.TryGetValue(key, out RecordLocation present) || present.Place != expectedPlace)
            {
                return false;
            }

            _entries[key] = location;
            return true;
        }
    }

    public bool TryRemove(in FileKey key, ulong expectedPlace)
    {
        lock (_entries)
        {
            return _entries.TryGetValue(key, out RecordLocation present) && present.Place == expectedPlace && _entries.Remove(key);
        }
    }

    public void ForEach(Func<FileKey, RecordLocation, bool> visit)
    {
        KeyValuePair<FileKey, RecordLocation>[] entries;
        lock (_entries)
        {
            entries = [.. _entries];
        }

        foreach ((FileKey key, RecordLocation location) in entries)
        {
            if (!visit(key, location))
            {
                return;
            }
        }
    }

    public Task CheckpointAsync(ReadOnlyMemory<byte> coverage, CancellationToken cancellationToken)
    {
        using MemoryStream stream = new();
        stream.Write(BitConverter.GetBytes(coverage.Length));
        stream.Write(coverage.Span);
        byte[] entry = new byte[EntryBytes];
        ForEach((key, location) =>
        {
            MemoryMarshal.Write(entry, key);
            MemoryMarshal.Write(entry.AsSpan(16), location);
            stream.Write(entry);
            return true;
        });
        byte[] bytes = stream.ToArray();
        string beside = path + ".new";
        files.Delete(beside);
        using (Microsoft.Win32.SafeHandles.SafeFileHandle file = files.OpenWrite(beside, create: true))
        {
            fixed (byte* p = bytes)
            {
                files.Write(file, [new NativeSegment((nint)p, bytes.Length)], 0);
            }
        }

        files.Rename(beside, path);
        return Task.CompletedTask;
    }

    public void Dispose()
    {
    }
}
