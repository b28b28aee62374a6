using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>Which names of a store a POSIX tree can hold (DESIGN §3). Pure functions.</summary>
public static class PosixNames
{
    public const int MaxComponentBytes = ManifestFormat.MaxNameBytes;

    /// <summary>PATH_MAX is a limit of one system call, not of a tree, so longer paths can be walked; this bound keeps records in 16-bit lengths.</summary>
    public const int MaxPathBytes = 32_000;

    /// <summary>PATH_MAX less its NUL: longer targets cannot be given to the kernel.</summary>
    public const int MaxLinkTargetBytes = 4095;

    /// <summary>Judges a whole path; the empty path is the root and is fine.</summary>
    /// <param name="path">Without a directory marker's slash, see <see cref="TrimMarker"/>.</param>
    public static SkipReason Check(ReadOnlySpan<byte> path)
    {
        if (path.Length > MaxPathBytes)
        {
            return SkipReason.PathTooLong;
        }

        if (path.Contains((byte)0))
        {
            return SkipReason.NulByte;
        }

        while (!path.IsEmpty)
        {
            int slash = path.IndexOf((byte)'/');
            ReadOnlySpan<byte> component = slash < 0 ? path : path[..slash];
            SkipReason reason = CheckComponent(component);
            if (reason != SkipReason.None)
            {
                return reason;
            }

            if (slash < 0)
            {
                return SkipReason.None;
            }

            path = path[(slash + 1)..];
            if (path.IsEmpty)
            {
                return SkipReason.EmptyComponent;
            }
        }

        return SkipReason.None;
    }

    /// <summary>Judges one name.</summary>
    public static SkipReason CheckComponent(ReadOnlySpan<byte> component) => component switch
    {
        [] => SkipReason.EmptyComponent,
        [(byte)'.'] => SkipReason.DotComponent,
        [(byte)'.', (byte)'.'] => SkipReason.DotDotComponent,
        { Length: > MaxComponentBytes } => SkipReason.ComponentTooLong,
        _ => component.Contains((byte)0) ? SkipReason.NulByte : SkipReason.None,
    };

    /// <summary>Tools that know no directories leave an object whose key ends with a slash in place of one; it becomes the directory.</summary>
    /// <returns>The path without that slash, and what the entry then is.</returns>
    public static ReadOnlySpan<byte> TrimMarker(ReadOnlySpan<byte> path, ref StoreEntryKind kind)
    {
        if (path is [.. var trimmed, (byte)'/'])
        {
            kind = StoreEntryKind.Directory;
            return trimmed.IsEmpty ? path : trimmed; // A key "/" is an empty name, not the root.
        }

        if (path.IsEmpty)
        {
            kind = StoreEntryKind.Directory; // The marker of the mounted prefix itself.
        }

        return path;
    }
}
