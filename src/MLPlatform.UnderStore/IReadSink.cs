namespace MLPlatform.UnderStore;

/// <summary>Where a ranged read puts its bytes. Called from one thread at a time, in order.</summary>
public interface IReadSink
{
    /// <summary>Memory for the bytes that come next; never empty until the whole range arrived. Valid until the next call.</summary>
    Memory<byte> NextBuffer { get; }

    /// <summary>The next <paramref name="count"/> bytes stand in <see cref="NextBuffer"/>. They may be released to readers at once
    /// when <see cref="IUnderStore.ReadsAreGuarded"/>; else only after the read has returned.</summary>
    void Advance(int count);
}
