using MLPlatform.Core;

namespace MLPlatform.Tiers.Segments;

/// <summary>A record in the writer's queue.</summary>
internal sealed class PendingAppend(in RecordHeader record, ReadOnlyMemory<NativeSegment> payload, ReadOnlyMemory<uint> checksums, ulong movedFrom)
{
    // Continuations run elsewhere: the writer has the next group to write.
    private readonly TaskCompletionSource<ulong> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public RecordHeader Record { get; } = record;

    public ReadOnlyMemory<NativeSegment> Payload => payload;

    public ReadOnlyMemory<uint> Checksums => checksums;

    /// <summary>Place of the copy that cleaning replaces; 0 for a new record.</summary>
    public ulong MovedFrom => movedFrom;

    /// <summary>Offset in the open segment, once it is given one.</summary>
    public int Offset { get; set; }

    /// <summary>The place, or 0 for a moved record that was removed meanwhile.</summary>
    public Task<ulong> Task => _done.Task;

    public void Complete(ulong place) => _done.TrySetResult(place);

    public void Fail(Exception exception) => _done.TrySetException(exception);
}
