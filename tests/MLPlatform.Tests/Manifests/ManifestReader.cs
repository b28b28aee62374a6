using System.Globalization;
using System.Text;
using MLPlatform.Datasets;
using MLPlatform.UnderStore;

namespace MLPlatform.Tests.Manifests;

/// <summary>Asks a manifest everything it can be asked.</summary>
internal static class ManifestReader
{
    /// <summary>All answers as text, so that two manifests can be compared.</summary>
    /// <param name="maxRows">A manifest that lies about its size is not believed for ever.</param>
    public static string ReadAll(Manifest manifest, long maxRows = 10_000)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{manifest.DatasetName} {manifest.RowCount} {manifest.Files} {manifest.Directories} {manifest.Links} {manifest.Bytes} {manifest.SmallFiles} {manifest.Skipped} {manifest.NextInode}");
        text.AppendJoin(' ', manifest.Mounts).AppendLine();
        text.AppendJoin(' ', manifest.SkippedNames().Take((int)maxRows).Select(s => $"{s.DisplayPath}:{s.Reason}:{s.Explanation}")).AppendLine();
        for (long row = 0; row < Math.Min(maxRows, manifest.RowCount); row++)
        {
            manifest.GetEntry(row, out TreeEntry entry);
            text.Append(CultureInfo.InvariantCulture, $"{row} {Convert.ToHexString(manifest.PathOf(row))} {entry.Inode} {entry.Kind} {entry.Size} {entry.MtimeNanoseconds} {entry.Mode} {entry.Uid} {entry.Gid} {entry.LinkCount} ");
            text.Append(CultureInfo.InvariantCulture, $"{manifest.IdentityOf(row)} {manifest.MountOf(row)} {manifest.ParentOf(row)} {manifest.ObjectOf(row).Path.Length} {manifest.ObjectOf(row).Offset} {manifest.ObjectOf(row).ObjectSize} {manifest.TryFindInode(entry.Inode, out long found)} {found} ");
            if (entry.Kind == StoreEntryKind.Directory)
            {
                text.Append(CultureInfo.InvariantCulture, $"{manifest.TotalsOf(row)}");
                NameCursor cursor = manifest.Children(row);
                for (long i = 0; i < maxRows && cursor.MoveNext(); i++)
                {
                    text.Append(' ').Append(Convert.ToHexString(cursor.Name)).Append(manifest.TryLookup(row, cursor.Name, out _));
                }
            }
            else
            {
                text.Append(Convert.ToHexString(manifest.LinkTargetOf(row) ?? []));
            }

            text.AppendLine();
        }

        return text.ToString();
    }
}
