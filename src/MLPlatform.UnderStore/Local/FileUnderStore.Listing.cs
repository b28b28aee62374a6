using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using MLPlatform.Core;

namespace MLPlatform.UnderStore.Local;

/// <summary>Listing: one directory at a time, names sorted by bytes, so that a walk can be taken up again after any name.</summary>
internal sealed partial class FileUnderStore
{
    // About 8 MiB of names as data sets have them, 64 MiB at worst (255 bytes each), for each directory in progress.
    private const int DefaultNamesPerPass = 256 << 10;

    private const int PageEntries = 1000;

    public async IAsyncEnumerable<IReadOnlyList<StoreEntry>> ListDirectoryAsync(ReadOnlyMemory<byte> directory, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (!RootDirectory.IsValid(directory.Span))
        {
            throw FileErrors.BadName(Encoding.UTF8.GetString(directory.Span));
        }

        Counters.AddList();
        byte[] path = directory.ToArray();
        using DirectoryNames names = new(_root, path, after: null, before: null, _maxNamesPerPass);
        while (await _listers.RunAsync(() => NextPage(names, path, cancellationToken), cancellationToken) is { } page)
        {
            if (page.Count > 0)
            {
                yield return page;
            }
        }
    }

    public async IAsyncEnumerable<ListPage> ListUnitAsync(ListUnit unit, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        byte[] path = unit.Prefix.AsSpan().TrimEnd((byte)'/').ToArray();
        if (!RootDirectory.IsValid(path) || (unit.Prefix.Length > 0 && unit.Prefix[^1] != '/'))
        {
            throw FileErrors.BadName(Encoding.UTF8.GetString(unit.Prefix));
        }

        Counters.AddList();
        using DirectoryNames names = new(_root, path, NameIn(unit, unit.After), NameIn(unit, unit.Before), _maxNamesPerPass);
        while (true)
        {
            List<StoreEntry>? page;
            try
            {
                page = await _listers.RunAsync(() => NextPage(names, path, cancellationToken), cancellationToken);
            }
            catch (CacheException e) when (e.Error == CacheError.NotFound && path.Length > 0)
            {
                page = null; // Removed since its parent was read: it holds nothing.
            }

            if (page is null)
            {
                yield return new ListPage([], null, []);
                yield break;
            }

            List<ListUnit> split = [];
            foreach (StoreEntry entry in page)
            {
                if (entry.Kind == StoreEntryKind.Directory)
                {
                    split.Add(new ListUnit([.. entry.Path, (byte)'/']));
                }
            }

            bool last = names.AtEnd;
            yield return new ListPage(page, last ? null : unit with { After = Join(path, names.Position) }, split);
            if (last)
            {
                yield break;
            }
        }
    }

    /// <summary>The name in the unit's directory that a bound of the unit stands for.</summary>
    private static byte[]? NameIn(ListUnit unit, byte[]? bound)
    {
        if (bound is null)
        {
            return null;
        }

        if (!bound.AsSpan().StartsWith(unit.Prefix))
        {
            throw new CacheException(CacheError.Corrupt, $"A listing's journal names '{Encoding.UTF8.GetString(bound)}' as a place in '{Encoding.UTF8.GetString(unit.Prefix)}'; delete the journal and list again.");
        }

        return bound[unit.Prefix.Length..];
    }

    private static byte[] Join(byte[] directory, ReadOnlySpan<byte> name) => directory.Length == 0 ? name.ToArray() : [.. directory, (byte)'/', .. name];

    /// <summary>The next names with their attributes; those that vanished and those that are no data are left out.</summary>
    /// <returns>Null past the last page.</returns>
    private unsafe List<StoreEntry>? NextPage(DirectoryNames names, byte[] path, CancellationToken cancellationToken)
    {
        List<StoreEntry> page = [];
        byte* terminated = stackalloc byte[256]; // NAME_MAX is 255.
        bool any = false;
        while (page.Count < PageEntries && names.TryNext(cancellationToken, out ReadOnlySpan<byte> name))
        {
            any = true;
            name.CopyTo(new Span<byte>(terminated, 255));
            terminated[name.Length] = 0;
            StatxBuffer stat;
            int result;
            do
            {
                result = Libc.Statx(names.Descriptor, terminated, Libc.AT_SYMLINK_NOFOLLOW, Libc.StatxBasicStats, &stat);
            }
            while (result != 0 && Marshal.GetLastPInvokeError() == Libc.EINTR);

            byte[] entryPath = Join(path, name);
            if (result != 0)
            {
                int errno = Marshal.GetLastPInvokeError();
                if (errno == Libc.ENOENT)
                {
                    continue;
                }

                throw FileErrors.From(errno, _root.Display(entryPath), "Looking at");
            }

            if (KindOf(stat) is not { } kind)
            {
                continue;
            }

            byte[]? target = null;
            if (kind == StoreEntryKind.SymbolicLink && (target = RootDirectory.ReadLink(names.Descriptor, terminated)) is null)
            {
                continue;
            }

            page.Add(ToEntry(entryPath, kind, stat, target));
        }

        return any ? page : null;
    }
}
