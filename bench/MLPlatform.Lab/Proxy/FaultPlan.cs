namespace MLPlatform.Lab;

/// <summary>What goes wrong with one request, drawn when its head has arrived.</summary>
internal sealed class FaultPlan
{
    public TimeSpan Delay { get; set; }

    public InjectedFault? BlackHole { get; set; }

    public InjectedFault? Answer { get; set; }

    public InjectedFault? Cut { get; set; }

    public InjectedFault? Stall { get; set; }

    public InjectedFault? Flip { get; set; }

    /// <summary>Of the places that <see cref="Flip"/> draws; a flip must not depend on what other connections draw meanwhile.</summary>
    public int FlipSeed { get; set; }

    public void Add(InjectedFault injected, Random random)
    {
        Fault fault = injected.Fault;
        if (fault.DelayBy > TimeSpan.Zero)
        {
            Delay += fault.DelayBy;
            injected.CountHit();
        }

        if (fault.IsBlackHole)
        {
            BlackHole ??= injected;
        }

        if (fault.AnswerStatus != 0)
        {
            Answer ??= injected;
        }

        if (fault.CutAfterBytes >= 0)
        {
            Cut ??= injected;
        }

        if (fault.StallAfterBytes >= 0)
        {
            Stall ??= injected;
        }

        if (fault.FlipCount > 0)
        {
            Flip ??= injected;
            FlipSeed = random.Next();
        }
    }
}
