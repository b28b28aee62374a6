namespace MLPlatform.Fuse;

/// <summary>A request whose answer is still to come; its token fires when the reader is interrupted or the connection ends.</summary>
public sealed class FuseWait : IDisposable
{
    private readonly FuseWaits _owner;
    private readonly CancellationTokenSource _source = new();

    internal FuseWait(FuseWaits owner, ulong unique)
    {
        _owner = owner;
        Unique = unique;
    }

    public CancellationToken Token => _source.Token;

    internal ulong Unique { get; }

    public void Dispose()
    {
        _owner.End(this);
        _source.Dispose();
    }

    internal void Cancel()
    {
        try
        {
            _source.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // Answered at the same moment: nothing is left to cancel.
        }
    }
}
