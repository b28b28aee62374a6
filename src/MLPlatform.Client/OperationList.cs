using MLPlatform.Core;

namespace MLPlatform.Client;

/// <summary>Reads that wait, in the order of their deadlines, linked through themselves. Guarded by its shard's lock.</summary>
internal sealed class OperationList
{
    private ReadOperation? _last;

    public ReadOperation? First { get; private set; }

    public int Count { get; private set; }

    /// <summary>Deadlines come in order, but for reads that first waited for memory.</summary>
    public void Add(ReadOperation operation)
    {
        Invariant.That(operation.List is null);
        ReadOperation? previous = _last;
        while (previous is not null && previous.Deadline > operation.Deadline)
        {
            previous = previous.ListPrevious;
        }

        ReadOperation? next = previous is null ? First : previous.ListNext;
        operation.List = this;
        operation.ListPrevious = previous;
        operation.ListNext = next;
        if (previous is null)
        {
            First = operation;
        }
        else
        {
            previous.ListNext = operation;
        }

        if (next is null)
        {
            _last = operation;
        }
        else
        {
            next.ListPrevious = operation;
        }

        Count++;
    }

    public void Remove(ReadOperation operation)
    {
        Invariant.That(operation.List == this);
        if (operation.ListPrevious is null)
        {
            First = operation.ListNext;
        }
        else
        {
            operation.ListPrevious.ListNext = operation.ListNext;
        }

        if (operation.ListNext is null)
        {
            _last = operation.ListPrevious;
        }
        else
        {
            operation.ListNext.ListPrevious = operation.ListPrevious;
        }

        operation.List = null;
        operation.ListPrevious = null;
        operation.ListNext = null;
        Count--;
    }
}
