using System.Globalization;
using System.Text;
using MLPlatform.Core;

namespace MLPlatform.Lab;

/// <summary>
/// Notes the descriptors and child processes of this process and fails on disposal when there are more, or when a watched
/// pool or budget is not empty. Whatever runs beside it in the process counts too, so its tests run alone (an xunit collection with
/// parallelization disabled) or give a filter.
/// </summary>
public sealed class LeakGate : IAsyncDisposable
{
    // Sockets and processes end a moment after whoever closed them goes on.
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(10);

    private readonly Func<string, bool> _counts;
    private readonly Dictionary<string, int> _descriptors;
    private readonly HashSet<int> _children;
    private readonly List<BlockPool> _pools = [];

    private LeakGate(Func<string, bool> counts)
    {
        _counts = counts;
        _descriptors = Descriptors();
        _children = Children();
    }

    /// <param name="counts">Which descriptors matter, by what /proc/self/fd says of them (a path, <c>socket:</c>, <c>/dev/fuse</c>); null is all.</param>
    public static LeakGate Open(Func<string, bool>? counts = null) => new(counts ?? (_ => true));

    /// <summary>The pool's leases, and after a trim its budget, must be back as well.</summary>
    public LeakGate Watch(BlockPool pool)
    {
        _pools.Add(pool);
        return this;
    }

    public ValueTask DisposeAsync() => DisposeAsync(s_grace);

    /// <param name="grace">How long what is left may take to go away.</param>
    public async ValueTask DisposeAsync(TimeSpan grace)
    {
        DateTime deadline = DateTime.UtcNow + grace;
        string left;
        while ((left = Left()).Length > 0)
        {
            if (DateTime.UtcNow > deadline)
            {
                throw new InvalidOperationException($"Left behind:\n{left}");
            }

            // Handles that only a finalizer closes are not leaks of descriptors.
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Delay(20);
        }
    }

    private string Left()
    {
        StringBuilder left = new();
        foreach ((string target, int count) in Descriptors())
        {
            int before = _descriptors.GetValueOrDefault(target);
            if (count > before)
            {
                left.Append(CultureInfo.InvariantCulture, $"{count - before} descriptor(s): {target}\n");
            }
        }

        foreach (int child in Children().Except(_children))
        {
            left.Append(CultureInfo.InvariantCulture, $"process {child}: {CommandLineOf(child)}\n");
        }

        foreach (BlockPool pool in _pools)
        {
            pool.Trim();
            if (pool is TrackedBlockPool { LiveLeases: > 0 } tracked)
            {
                left.Append(CultureInfo.InvariantCulture, $"{tracked.LiveLeases} lease(s)\n");
            }

            if (pool.Budget.UsedBytes > 0)
            {
                left.Append(CultureInfo.InvariantCulture, $"{pool.Budget.UsedBytes} bytes charged to a budget\n");
            }
        }

        return left.ToString();
    }

    /// <summary>What is open, how often. Sockets and pipes lose their inode numbers, which never come again.</summary>
    private Dictionary<string, int> Descriptors()
    {
        Dictionary<string, int> open = [];
        foreach (string link in Directory.GetFileSystemEntries("/proc/self/fd"))
        {
            string target = new FileInfo(link).LinkTarget ?? "";
            int bracket = target.StartsWith('/') ? -1 : target.IndexOf('[', StringComparison.Ordinal);
            target = bracket < 0 ? target : target[..bracket];
            if (target.Length > 0 && _counts(target) && target is not "/proc/self/fd" && !target.EndsWith("/fd", StringComparison.Ordinal))
            {
                open[target] = open.GetValueOrDefault(target) + 1;
            }
        }

        return open;
    }

    private static HashSet<int> Children()
    {
        HashSet<int> children = [];
        foreach (string task in Directory.GetDirectories("/proc/self/task"))
        {
            try
            {
                foreach (string pid in File.ReadAllText(Path.Combine(task, "children")).Split(' ', StringSplitOptions.RemoveEmptyEntries))
                {
                    children.Add(int.Parse(pid, CultureInfo.InvariantCulture));
                }
            }
            catch (IOException)
            {
                continue; // The thread has ended; its children are another thread's now.
            }
        }

        return children;
    }

    private static string CommandLineOf(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline").Replace('\0', ' ');
        }
        catch (IOException)
        {
            return "(ended)";
        }
    }
}
