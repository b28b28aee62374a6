using MLPlatform.Core;

namespace MLPlatform.Lab;

/// <summary>
/// Keeps generated trees outside the clone, so that tests and benchmarks make each of them once per machine. A tree appears
/// whole or not at all; several processes may ask for the same one at a time. Nobody may write into what it gives out.
/// </summary>
public sealed class DataCache
{
    private static readonly TimeSpan s_abandoned = TimeSpan.FromDays(1);

    private readonly string _root;

    public DataCache(string root) => _root = Path.GetFullPath(root);

    /// <summary>In <c>$MLP_TEST_CACHE</c>, else <c>$XDG_CACHE_HOME/mlp-test</c>, else <c>~/.cache/mlp-test</c>.</summary>
    public static DataCache Default { get; } = new(DefaultRoot());

    public string Root => _root;

    /// <summary>Gives the directory that holds the tree, generating it first where it is missing.</summary>
    /// <exception cref="CacheException"><c>DeviceFull</c>: the tree would not fit.</exception>
    public async Task<string> GetAsync(TreeSpec spec, IProgress<long>? progress = null, CancellationToken cancellationToken = default)
    {
        string path = Path.Combine(_root, "tree-" + spec.CacheKey);
        if (Directory.Exists(path))
        {
            return path;
        }

        Directory.CreateDirectory(_root);
        RemoveAbandoned();
        string temporary = Path.Combine(_root, $".making-{Guid.NewGuid():N}");
        try
        {
            await TreeGenerator.WriteAsync(spec, temporary, progress, cancellationToken);
            Directory.Move(temporary, path);
        }
        catch (IOException) when (Directory.Exists(path))
        {
            // Another process was faster; its tree is the same.
            Directory.Delete(temporary, recursive: true);
        }
        catch (Exception) when (Directory.Exists(temporary))
        {
            Directory.Delete(temporary, recursive: true);
            throw;
        }

        // Beside the tree, not in it: says to people what the hash stands for.
        await File.WriteAllTextAsync(path + ".txt", spec + "\n", cancellationToken);
        return path;
    }

    private static string DefaultRoot()
    {
        if (Environment.GetEnvironmentVariable("MLP_TEST_CACHE") is { Length: > 0 } given)
        {
            return given;
        }

        string cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } xdg
            ? xdg
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        return Path.Combine(cache, "mlp-test");
    }

    private void RemoveAbandoned()
    {
        foreach (DirectoryInfo left in new DirectoryInfo(_root).EnumerateDirectories(".making-*"))
        {
            if (DateTime.UtcNow - left.CreationTimeUtc > s_abandoned)
            {
                left.Delete(recursive: true);
            }
        }
    }
}
