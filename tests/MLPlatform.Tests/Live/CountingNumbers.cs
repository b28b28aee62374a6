using MLPlatform.Datasets;

namespace MLPlatform.Tests.Live;

/// <summary>Numbers from 2 on.</summary>
internal sealed class CountingNumbers : IInodeNumbers
{
    private long _last = 1;

    public ulong Take() => (ulong)Interlocked.Increment(ref _last);
}
