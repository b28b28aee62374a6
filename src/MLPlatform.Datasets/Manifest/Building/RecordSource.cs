namespace MLPlatform.Datasets;

/// <summary>Sorted records, one after the other. For one thread.</summary>
internal abstract unsafe class RecordSource : IDisposable
{
    /// <summary>The current record, once <see cref="MoveNext"/> returned true and until it is called again.</summary>
    public byte* Record { get; protected set; }

    public abstract bool MoveNext();

    public abstract void Dispose();
}
