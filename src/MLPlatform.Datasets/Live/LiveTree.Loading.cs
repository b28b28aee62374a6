using System.Runtime.ExceptionServices;
using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

// Questions to the stores. However many ask for one thing, it is asked once, and goes on when one of them gives up.
public sealed partial class LiveTree
{
    // A listing that is no longer believed serves those who began to read it, and lends its numbers to the next one.
    private static readonly TimeSpan s_listingLife = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim _questions;
    private readonly CancellationTokenSource _closing = new();
    private readonly ClockQueue<LiveDirectory> _listings = new();

    /// <summary>Returns at once: what a number stands for does not change.</summary>
    public ValueTask LoadEntryAsync(ulong inode, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <exception cref="CacheException">The store's fault; nothing older is believed instead.</exception>
    public ValueTask LoadNameAsync(ulong directory, ReadOnlyMemory<byte> name, CancellationToken cancellationToken)
    {
        if (FindDirectory(directory, out LiveDirectory? at) != TreeOutcome.Found || at!.Store is null || !EntryName.IsValid(name.Span) || at.MountPoint?.Find(name.Span) is not null)
        {
            return ValueTask.CompletedTask; // The answer needs no store; asking again gives it.
        }

        Task<Exception?> question;
        lock (at.Lock)
        {
            NameSlot? slot = GetOrAddSlotUnsynchronized(at, name.Span, EntryName.Place(name.Span));
            if (slot is null || IsFresh(slot.ValidUntil))
            {
                return ValueTask.CompletedTask;
            }

            question = slot.Loading ??= AskForNameAsync(at, slot);
        }

        ForgetNames();
        return WaitAsync(question, cancellationToken);
    }

    /// <exception cref="CacheException">The store's fault; nothing older is believed instead. <c>Unsupported</c>: too many names for a live listing.</exception>
    public ValueTask LoadDirectoryAsync(ulong directory, CancellationToken cancellationToken)
    {
        if (FindDirectory(directory, out LiveDirectory? at) != TreeOutcome.Found)
        {
            return ValueTask.CompletedTask;
        }

        Task<Exception?> question;
        lock (at!.Lock)
        {
            if (at.Listing is { } listing && IsFresh(listing.ValidUntil))
            {
                return ValueTask.CompletedTask;
            }

            question = at.Loading ??= AskForDirectoryAsync(at);
        }

        return WaitAsync(question, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();

        // Questions under way end by themselves now; the two objects below need no disposal once nobody waits on them.
    }

    private static async ValueTask WaitAsync(Task<Exception?> question, CancellationToken cancellationToken)
    {
        if (await question.WaitAsync(cancellationToken) is { } fault)
        {
            ExceptionDispatchInfo.Throw(fault);
        }
    }

    private async Task<Exception?> AskForNameAsync(LiveDirectory directory, NameSlot slot)
    {
        await Task.Yield(); // The caller holds the directory's lock.
        Exception? fault = null;
        StoreEntry? entry = null;
        long askedAt = 0;
        string Describe() => $"{directory.DisplayUri}/{System.Text.Encoding.UTF8.GetString(slot.Name)}";
        try
        {
            askedAt = await AskAsync(
                async token =>
                {
                    entry = await directory.Store!.StatAsync(LiveDirectory.Join(directory.StorePath, slot.Name), token);
                },
                _options.NameDeadline,
                Describe);
        }
        catch (Exception e) // Thrown again in everyone who waits.
        {
            fault = e;
        }

        lock (directory.Lock)
        {
            slot.Loading = null;
            QueueUnsynchronized(slot);
            if (fault is null)
            {
                EnterUnsynchronized(slot, entry, askedAt);
            }
        }

        ForgetNames();
        return fault;
    }

    private void EnterUnsynchronized(NameSlot slot, StoreEntry? entry, long askedAt)
    {
        if (slot.AskedAt > askedAt)
        {
            return; // A later question was answered before.
        }

        slot.Current = entry is null || !ListedEntry.IsUsable(entry) ? null : GetVersionUnsynchronized(slot, new ListedEntry(entry));
        slot.AskedAt = askedAt;
        slot.ValidUntil = _time.GetTimestamp() + _validityTicks;
        slot.RecentlyUsed = true; // Not forgotten before whoever asked has come back for it.
    }

    private async Task<Exception?> AskForDirectoryAsync(LiveDirectory directory)
    {
        await Task.Yield(); // The caller holds the directory's lock.
        Exception? fault = null;
        DirectoryListing? listing = null;
        try
        {
            listing = await ListAsync(directory);
            if (directory.Listing is { } previous)
            {
                listing.InheritNumbers(previous);
            }
        }
        catch (Exception e) // Thrown again in everyone who waits.
        {
            fault = e;
        }

        lock (directory.Lock)
        {
            directory.Loading = null;
            if (listing is not null)
            {
                Count(directory.Listing, -1);
                Count(listing, 1);
                listing.RecentlyUsed = true;
                if (directory.ListingTicket is { } ticket)
                {
                    _listings.Recost(ticket, CostOf(listing));
                }
                else
                {
                    directory.ListingTicket = _listings.Add(directory, CostOf(listing));
                }

                directory.Listing = listing;
            }
        }

        ForgetListings();
        return fault;
    }

    private async Task<DirectoryListing> ListAsync(LiveDirectory directory)
    {
        var builder = new DirectoryListing.Builder(directory.StorePath, directory.MountPoint, _options.MaxDirectoryEntries, () => directory.DisplayUri);
        if (directory.Store is null)
        {
            return builder.Build(_time.GetTimestamp(), long.MaxValue);
        }

        long askedAt = await AskAsync(token => AddPagesAsync(directory, builder, token), _options.DirectoryDeadline, () => directory.DisplayUri);
        return builder.Build(askedAt, _time.GetTimestamp() + _validityTicks);
    }

    private static async Task AddPagesAsync(LiveDirectory directory, DirectoryListing.Builder builder, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (IReadOnlyList<StoreEntry> page in directory.Store!.ListDirectoryAsync(directory.StorePath, cancellationToken))
            {
                builder.Add(page);
            }
        }
        catch (CacheException e) when (e.Error == CacheError.NotFound && directory.MountPoint is { Store: null })
        {
            // The directory is there because a store hangs below it; the store above need not have it.
        }
    }

    /// <summary>Asks under the bound on questions and the deadline.</summary>
    /// <returns>When the question was sent.</returns>
    private async Task<long> AskAsync(Func<CancellationToken, Task> ask, TimeSpan deadline, Func<string> describe)
    {
        using var expiry = new CancellationTokenSource(deadline, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(expiry.Token, _closing.Token);
        try
        {
            await _questions.WaitAsync(either.Token);
            try
            {
                long askedAt = _time.GetTimestamp();
                await ask(either.Token);
                return askedAt;
            }
            finally
            {
                _questions.Release();
            }
        }
        catch (OperationCanceledException e) when (either.IsCancellationRequested)
        {
            throw expiry.IsCancellationRequested
                ? new CacheException(CacheError.DeadlineExceeded, $"{describe()} did not answer within {Duration.Format(deadline)}; check that the store is up.", e)
                : new CacheException(CacheError.Interrupted, $"The mount of {_dataset} is being closed.", e);
        }
    }

    /// <summary>Brings the directory listings back within their bound. The caller holds no lock.</summary>
    private void ForgetListings()
    {
        while (_listings.TryTake(_isShrunk ? 0 : _options.MaxListedEntries, IsOutlived, out LiveDirectory? directory))
        {
            lock (directory.Lock)
            {
                directory.ListingTicket = null;
                DirectoryListing listing = directory.Listing!;
                bool isAlone = !_isShrunk && CostOf(listing) > _options.MaxListedEntries && _listings.IsEmpty;
                if ((listing.RecentlyUsed || isAlone) && !directory.Node.IsForgotten && !IsOutlived(directory))
                {
                    listing.RecentlyUsed = false;
                    directory.ListingTicket = _listings.Add(directory, CostOf(listing));
                    if (isAlone)
                    {
                        return; // One directory larger than the bound must still be readable.
                    }

                    continue;
                }

                Count(listing, -1);
                directory.Listing = null;
            }
        }
    }

    /// <summary>Whoever still read from it has had his time.</summary>
    private bool IsOutlived(LiveDirectory directory) =>
        directory.Listing is { } listing && _time.GetTimestamp() - (long)(s_listingLife.TotalSeconds * _time.TimestampFrequency) > listing.ValidUntil;

    // An empty listing costs memory too.
    private static int CostOf(DirectoryListing listing) => Math.Max(listing.Count, 16);

    private void Count(DirectoryListing? listing, int sign)
    {
        if (listing is not null)
        {
            Interlocked.Add(ref _files, sign * listing.Files);
            Interlocked.Add(ref _bytes, sign * listing.Bytes);
            Interlocked.Add(ref _smallFiles, sign * listing.SmallFiles);
            Interlocked.Add(ref _skipped, sign * listing.Skipped);
        }
    }
}
