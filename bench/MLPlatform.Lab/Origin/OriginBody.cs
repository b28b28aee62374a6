namespace MLPlatform.Lab;

/// <summary>The bytes of one version of an object while a response is sent. One thread at a time.</summary>
public abstract class OriginBody : IDisposable
{
    /// <summary>Fills all of <paramref name="destination"/>, which never reaches beyond the object's end.</summary>
    public abstract void Read(long offset, Span<byte> destination);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
    }
}
