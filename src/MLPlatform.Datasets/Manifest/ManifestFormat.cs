namespace MLPlatform.Datasets;

/// <summary>The numbers of <c>docs/FORMAT.md</c>, section "Manifest". All integers are little-endian.</summary>
internal static class ManifestFormat
{
    public const uint Version = 1;

    /// <summary>Header bytes, digest included. Sixty sections fit, three times what there are.</summary>
    public const int HeaderBytes = 4096;

    /// <summary>Unit of verification: one SHA-256 each, about 40 µs, so a first touch does not show in a stat.</summary>
    public const int PageBytes = 1 << PageShift;

    public const int PageShift = 16;
    public const int HashBytes = 32;

    /// <summary>Where the digest stands: it covers every header byte before it.</summary>
    public const int DigestOffset = HeaderBytes - HashBytes;

    public const int SectionTableOffset = 256;
    public const int SectionEntryBytes = 48;
    public const int MaxSections = (DigestOffset - SectionTableOffset) / SectionEntryBytes;

    /// <summary>Sections from here on hold nothing that an older reader would answer wrongly without; it leaves them out.</summary>
    public const uint FirstOptionalSection = 0x1000;

    /// <summary>Names are front-coded in groups: a lookup decodes at most one group.</summary>
    public const int NameGroupShift = 4;

    public const int NameGroupRows = 1 << NameGroupShift;

    /// <summary>NAME_MAX of Linux.</summary>
    public const int MaxNameBytes = 255;

    public const int ClassBytes = 24;

    /// <summary>Zero bytes behind the last section, so that a column's eight-byte loads stay inside the file.</summary>
    public const int TailBytes = 8;

    public const ulong RootInode = 1;

    /// <summary>What counts as small (DESIGN §5).</summary>
    public const long SmallFileBytes = 1 << 20;

    public const string FileExtension = ".manifest";

    public static ReadOnlySpan<byte> Magic => "mlp-tree"u8;

    public static string FileNameOf(DatasetVersionId id) => id.Hex + FileExtension;

    /// <summary>The version that a file's name claims, or null when it claims none.</summary>
    public static DatasetVersionId? VersionOfFileName(string path) =>
        path.EndsWith(FileExtension, StringComparison.Ordinal) && DatasetVersionId.TryParse(Path.GetFileName(path.AsSpan())[..^FileExtension.Length], out DatasetVersionId id) ? id : null;
}
