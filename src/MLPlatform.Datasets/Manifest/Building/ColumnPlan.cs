namespace MLPlatform.Datasets;

/// <summary>How a column is going to be stored, see <see cref="ManifestSection"/>.</summary>
internal readonly record struct ColumnPlan(long Count, int Width, ulong Base, ulong Unit)
{
    public long Length => Count * Width;
}
