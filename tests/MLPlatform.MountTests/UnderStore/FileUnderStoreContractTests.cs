using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.UnderStore;

namespace MLPlatform.MountTests.UnderStore;

/// <summary>The contract on a local directory.</summary>
public sealed class FileUnderStoreContractTests : UnderStoreContract
{
    internal override Task<ContractStore> OpenAsync() => Task.FromResult<ContractStore>(new DirectoryStore());

    private sealed class DirectoryStore : ContractStore
    {
        private readonly string _root = Directory.CreateTempSubdirectory("mlp-contract").FullName;

        public DirectoryStore() => Store = UnderStoreFactory.Open("file://" + _root, new UnderStoreOptions(), TimeProvider.System, NullLoggerFactory.Instance);

        public override IUnderStore Store { get; }

        public override bool IsObjectStore => false;

        public override async Task PutAsync(string path, byte[] content)
        {
            string full = _root + "/" + path;
            Directory.CreateDirectory(Path.GetDirectoryName(full)!);
            await File.WriteAllBytesAsync(full, content);
        }

        public override Task DeleteAsync(string path)
        {
            File.Delete(_root + "/" + path);
            return Task.CompletedTask;
        }

        // Directories held open by an enumeration that was not disposed would show here too.
        public override int OpenHandles() =>
            Directory.GetFiles("/proc/self/fd").Count(fd => new FileInfo(fd).LinkTarget is { } target && target.StartsWith(_root + "/", StringComparison.Ordinal));

        public override async ValueTask DisposeAsync()
        {
            await Store.DisposeAsync();
            Directory.Delete(_root, recursive: true);
        }
    }
}
