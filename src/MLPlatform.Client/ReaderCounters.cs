namespace MLPlatform.Client;

/// <summary>What a reader did since its start (monotonic) and what it holds now (the last six).</summary>
/// <param name="ReadBytes">Bytes given to callers: hits and misses together.</param>
/// <param name="HitBytes">Of these, bytes that were at hand when they were asked for.</param>
/// <param name="MissBytes">Of these, bytes that the caller waited for.</param>
/// <param name="PrefetchBytes">Bytes that arrived before anybody had asked for them.</param>
/// <param name="PrefetchWastedBytes">Of these, bytes dropped before anybody asked.</param>
/// <param name="ReadErrors">Reads that failed, interrupted ones aside.</param>
/// <param name="OpenFiles">Files with state.</param>
/// <param name="PendingReads">Reads that wait for a fetch.</param>
/// <param name="ActiveFetches">Ranged reads under way.</param>
/// <param name="QueuedFetches">Ranged reads that wait for their turn; each holds its memory, so the budget bounds them.</param>
/// <param name="BudgetUsedBytes">Charged to the process's budget.</param>
/// <param name="BudgetLimitBytes">The process's budget.</param>
public readonly record struct ReaderCounters(
    long ReadBytes,
    long HitBytes,
    long MissBytes,
    long PrefetchBytes,
    long PrefetchWastedBytes,
    long ReadErrors,
    int OpenFiles,
    int PendingReads,
    int ActiveFetches,
    int QueuedFetches,
    long BudgetUsedBytes,
    long BudgetLimitBytes);
