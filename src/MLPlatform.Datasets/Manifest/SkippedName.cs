using System.Text;

namespace MLPlatform.Datasets;

/// <summary>A name that was left out of the tree.</summary>
/// <param name="Path">As the store has it, behind the path of its mount.</param>
/// <param name="Reason">Why.</param>
public sealed record SkippedName(byte[] Path, SkipReason Reason)
{
    /// <summary>For messages and lists; control bytes and bytes that are no UTF-8 show as U+FFFD.</summary>
    public string DisplayPath => string.Create(Encoding.UTF8.GetCharCount(Path), Path, static (chars, path) =>
    {
        Encoding.UTF8.GetChars(path, chars);
        foreach (ref char c in chars)
        {
            c = char.IsControl(c) ? '\uFFFD' : c;
        }
    });

    public string Explanation => Reason switch
    {
        SkipReason.EmptyComponent => "a component of the path is empty",
        SkipReason.DotComponent => "a component of the path is `.`",
        SkipReason.DotDotComponent => "a component of the path is `..`",
        SkipReason.NulByte => "the path holds a NUL byte",
        SkipReason.ComponentTooLong => "a component of the path is longer than 255 bytes",
        SkipReason.PathTooLong => "the path is longer than 32,000 bytes",
        SkipReason.ShadowedByDirectory => "a directory bears the same name",
        SkipReason.HiddenByMount => "another store of the dataset is mounted there",
        SkipReason.NotFound => "the store does not have it",
        SkipReason.UnusableLink => "the symbolic link has no usable target",
        SkipReason.NoFileInShard => "its shard holds it as a link, a device or a pipe",
        SkipReason.SparseInShard => "its shard holds it with holes",
        _ => $"reason {(byte)Reason}, unknown to this mlp",
    };
}
