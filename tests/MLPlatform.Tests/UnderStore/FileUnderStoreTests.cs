using System.Diagnostics;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Core;
using MLPlatform.UnderStore;
using MLPlatform.UnderStore.Local;
using Xunit;

namespace MLPlatform.Tests.UnderStore;

/// <summary>What is particular to a local directory; the common part is in the contract suite.</summary>
public sealed class FileUnderStoreTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("mlp-file-store").FullName;

    // System.IO cannot delete names that are no UTF-8.
    public void Dispose() => Run("rm", "-rf", "--", _root);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Listing_EscapesAndSpecialFiles_AreShownAsLinksOrLeftOut(bool walkAlways)
    {
        Directory.CreateDirectory(_root + "/d");
        File.WriteAllText(_root + "/d/f", "x");
        File.CreateSymbolicLink(_root + "/up", "../..");
        File.CreateSymbolicLink(_root + "/dangling", "nowhere");
        Run("mkfifo", _root + "/pipe");
        await using FileUnderStore store = Open(walkAlways: walkAlways);

        List<StoreEntry> entries = await ListAsync(store, "");

        Assert.Equal(["d:Directory:", "dangling:SymbolicLink:nowhere", "up:SymbolicLink:../.."], entries.Select(Describe));
        Assert.Null(await store.StatAsync(Bytes("up/etc/passwd"), default));
        Assert.Null(await store.StatAsync(Bytes("../x"), default));
        Assert.Null(await store.StatAsync(Bytes("pipe"), default));
        Assert.Equal(StoreEntryKind.SymbolicLink, (await store.StatAsync(Bytes("up"), default))!.Kind);
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => ListAsync(store, "up"));
        Assert.Equal(CacheError.NotFound, e.Error);
        StoreObject outside = new(Bytes("up/x"), 1, ObjectIdentity.FromFile(1, 1));
        Assert.Equal(CacheError.NotFound, Assert.Throws<CacheException>(() => store.OpenLocal(outside)).Error);
        Assert.Equal(CacheError.InvalidName, Assert.Throws<CacheException>(() => store.OpenLocal(outside with { Path = Bytes("d/../../x") })).Error);
        Assert.Equal(CacheError.VersionChanged, Assert.Throws<CacheException>(() => store.OpenLocal(outside with { Path = Bytes("pipe") })).Error);
    }

    [Fact]
    public async Task Names_ThatAreNoUtf8_AreListedStatedAndRead()
    {
        byte[] name = [(byte)'n', 0xFF, 0xFE];
        MakeFile(Encoding.UTF8.GetBytes(_root + "/").Concat(name).ToArray());
        await using FileUnderStore store = Open();

        StoreEntry entry = Assert.Single(await ListAsync(store, ""));

        Assert.Equal(name, entry.Path);
        Assert.Equal(entry.Identity, (await store.StatAsync(name, default))!.Identity);
        store.OpenLocal(new StoreObject(name, entry.Size, entry.Identity))!.Dispose();
    }

    [Fact]
    public async Task ListUnit_DirectoryLargerThanAPass_YieldsEachNameOnceAndResumesAnywhere()
    {
        for (int i = 0; i < 2500; i++)
        {
            File.WriteAllText($"{_root}/{i * 7919 % 2500}", "");
        }

        await using FileUnderStore store = Open(maxNamesPerPass: 100);
        List<string> names = [];
        ListUnit? unit = ListUnit.Everything;
        while (unit is not null)
        {
            // Only the first page of each enumeration: as if the process died after it.
            await foreach (ListPage page in store.ListUnitAsync(unit, default))
            {
                names.AddRange(page.Entries.Select(static e => Encoding.UTF8.GetString(e.Path)));
                unit = page.Rest;
                break;
            }
        }

        Assert.Equal(2500, names.Count);
        Assert.Equal(names.Order(StringComparer.Ordinal), names);
        Assert.Equal(2500, names.Distinct().Count());
    }

    [Fact]
    public async Task Read_FileTruncatedInPlace_IsVersionChanged()
    {
        File.WriteAllBytes(_root + "/f", new byte[3 << 20]);
        await using FileUnderStore store = Open();
        StoreEntry entry = (await store.StatAsync(Bytes("f"), default))!;
        ArraySink sink = new(3 << 20) { OnAdvance = () => File.WriteAllBytes(_root + "/f", new byte[1 << 20]) };

        CacheException e = await Assert.ThrowsAsync<CacheException>(() => store.ReadAsync(new StoreObject(entry.Path, entry.Size, entry.Identity), 0, entry.Size, sink, default));

        Assert.Equal(CacheError.VersionChanged, e.Error);
        Assert.Contains("mlp dataset sync", e.Message, StringComparison.Ordinal);
        Assert.Contains(_root + "/f", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Root_ReplacedByAnother_IsFoundAgain()
    {
        await using FileUnderStore store = Open();
        await store.CheckAsync(default);
        Directory.Delete(_root, recursive: true);
        Directory.CreateDirectory(_root);
        File.WriteAllText(_root + "/new", "");
        Assert.NotNull(await store.StatAsync(Bytes("new"), default));
    }

    [Theory]
    [InlineData("/no/such/dir", CacheError.NotFound, "does not exist")]
    [InlineData("/etc/hostname", CacheError.NotFound, "is no directory")]
    public async Task Check_BadRoot_SaysWhy(string path, CacheError error, string part)
    {
        await using IUnderStore store = UnderStoreFactory.Open(path, new UnderStoreOptions(), TimeProvider.System, NullLoggerFactory.Instance);
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => store.CheckAsync(default));
        Assert.Equal(error, e.Error);
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static string Describe(StoreEntry e) => $"{Encoding.UTF8.GetString(e.Path)}:{e.Kind}:{(e.LinkTarget is { } t ? Encoding.UTF8.GetString(t) : "")}";

    private static async Task<List<StoreEntry>> ListAsync(FileUnderStore store, string directory)
    {
        List<StoreEntry> all = [];
        await foreach (IReadOnlyList<StoreEntry> page in store.ListDirectoryAsync(Bytes(directory), default))
        {
            all.AddRange(page);
        }

        return all;
    }

    private static void Run(string command, params string[] arguments)
    {
        using Process process = Process.Start(command, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    private static unsafe void MakeFile(byte[] path)
    {
        // O_CREAT | O_WRONLY: System.IO cannot write such a name.
        byte[] terminated = [.. path, 0];
        fixed (byte* p = terminated)
        {
            int descriptor = Libc.OpenAt(Libc.AT_FDCWD, p, 0x41, 0x1A4);
            Assert.True(descriptor >= 0);
            Libc.Close(descriptor);
        }
    }

    private FileUnderStore Open(int maxNamesPerPass = 1000, bool walkAlways = false) => new(_root, new UnderStoreOptions(), maxNamesPerPass, walkAlways);
}
