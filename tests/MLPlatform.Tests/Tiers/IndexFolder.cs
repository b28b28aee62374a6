using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Tiers;
using MLPlatform.Tiers.Devices;
using MLPlatform.Tiers.Index;

namespace MLPlatform.Tests.Tiers;

/// <summary>A temporary directory with an index in it.</summary>
internal sealed class IndexFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("mlp-index-").FullName;

    public string Checkpoint => System.IO.Path.Combine(Path, IndexCheckpoint.FileName);

    public FasterBlockIndex Open(out byte[] coverage, IDeviceFiles? files = null) =>
        FasterBlockIndex.Open(files ?? new DeviceFiles(), Path, NullLogger.Instance, out coverage);

    public FasterBlockIndex Open() => Open(out _);

    public static FileKey Key(int i) => new((ulong)i, ~(ulong)i * 31);

    public static RecordLocation Location(int i) => new() { Place = (ulong)i + 1, Length = (uint)i * 3, Dataset = 7, Created = (uint)i, Flags = (uint)i & 1 };

    public static Dictionary<FileKey, RecordLocation> Content(IBlockIndex index)
    {
        Dictionary<FileKey, RecordLocation> content = [];
        index.ForEach((key, location) =>
        {
            content.Add(key, location);
            return true;
        });
        return content;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
