using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace MLPlatform.Tests.Live;

internal static class FakeClock
{
    // Each step lets other threads run for a millisecond; what takes more steps than this never comes.
    private const int MaxSteps = 20_000;

    /// <summary>Lets time pass, a second at a time, until something has come about.</summary>
    public static async Task UntilAsync(this FakeTimeProvider time, Func<bool> condition)
    {
        for (int step = 0; !condition(); step++)
        {
            Assert.True(step < MaxSteps, "What the test waits for does not come about.");
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(1);
        }
    }
}
