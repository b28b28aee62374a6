using System.Runtime.InteropServices;

namespace MLPlatform.Cli.Framework;

/// <summary>
/// Turns SIGINT, SIGTERM and SIGHUP into a cancelled token. A second signal ends the process at once: whoever asks twice does
/// not want to wait. One per process.
/// </summary>
internal sealed class Interrupts : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly List<PosixSignalRegistration> _registrations = [];
    private int _count;

    private Interrupts()
    {
    }

    /// <summary>What must be done even when nobody wants to wait any more; runs before a second signal ends the process.</summary>
    public Action? LastResort { get; set; }

    public CancellationToken Token => _source.Token;

    /// <summary>The first signal that came, or null.</summary>
    public PosixSignal? Received { get; private set; }

    /// <summary>Listens to the process's signals.</summary>
    public static Interrupts Listen()
    {
        Interrupts interrupts = new();
        foreach (PosixSignal signal in (ReadOnlySpan<PosixSignal>)[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP])
        {
            interrupts._registrations.Add(PosixSignalRegistration.Create(signal, interrupts.OnSignal));
        }

        return interrupts;
    }

    /// <summary>Hears nothing; for tests of verbs in process.</summary>
    public static Interrupts None() => new();

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }

        _source.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.Increment(ref _count) > 1)
        {
            LastResort?.Invoke();
            Environment.Exit(ExitCodes.Interrupted);
        }

        Received = context.Signal;
        _source.Cancel();
    }
}
