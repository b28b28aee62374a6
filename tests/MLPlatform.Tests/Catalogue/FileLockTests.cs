using MLPlatform.Core;
using MLPlatform.Datasets;
using Xunit;

namespace MLPlatform.Tests.Catalogues;

public sealed class FileLockTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("mlp-lock-").FullName;

    public void Dispose() => Directory.Delete(_directory, true);

    [Fact]
    public async Task Acquire_Held_SaysByWhomAndFor()
    {
        string path = Path.Combine(_directory, "lock");
        using FileLock held = FileLock.TryAcquire(path, "mlp dataset sync")!;
        Assert.Null(FileLock.TryAcquire(path, "another"));
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => FileLock.AcquireAsync(path, "Dataset x", "another", TimeSpan.Zero, TimeProvider.System, default));
        Assert.Equal(CacheError.Busy, e.Error);
        Assert.Contains($"process {Environment.ProcessId} (mlp dataset sync)", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Acquire_Released_GetsItAndTellsItsOwnPurpose()
    {
        string path = Path.Combine(_directory, "lock");
        FileLock held = FileLock.TryAcquire(path, "a much longer purpose than the next")!;
        Task<FileLock> waiting = FileLock.AcquireAsync(path, "Dataset x", "short", TimeSpan.FromMinutes(1), TimeProvider.System, default);
        held.Dispose();
        using FileLock got = await waiting;
        Assert.Equal((Environment.ProcessId, "short"), FileLock.Read(path));
    }

    [Fact]
    public void Registration_OwnerLives_IsFoundAndALeftoverIsRemoved()
    {
        DatasetVersionId version = DatasetVersionId.FromBytes(new byte[32]);
        var first = MountRegistration.Create(_directory, null, "/mnt/a");
        using var second = MountRegistration.Create(_directory, null, "/mnt/b");
        second.Update(version);
        File.WriteAllText(Path.Combine(_directory, "1-dead"), "1\nlive\n/mnt/dead\n");
        Assert.Equal(
            [new DatasetMount(Environment.ProcessId, "/mnt/a", null), new DatasetMount(Environment.ProcessId, "/mnt/b", version)],
            MountRegistration.Find(_directory, TimeProvider.System).OrderBy(m => m.Directory));
        Assert.False(File.Exists(Path.Combine(_directory, "1-dead")));
        first.Dispose();
        Assert.Single(MountRegistration.Find(_directory, TimeProvider.System));
        Assert.Single(Directory.GetFiles(_directory));
    }
}
