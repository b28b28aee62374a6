using MLPlatform.CacheWorker;
using MLPlatform.Tiers;
using Xunit;

namespace MLPlatform.Tests.CacheWorker;

public sealed class RangeFlightsTests
{
    private static readonly FileKey s_key = new(1, 2);
    private readonly RangeFlights _flights = new();

    [Fact]
    public void TryBegin_RangesThatDoNotTouch_AreBothTaken()
    {
        using RangeFlights.Flight? first = _flights.TryBegin(s_key, 0, 10, out _);
        using RangeFlights.Flight? second = _flights.TryBegin(s_key, 10, 20, out _);
        using RangeFlights.Flight? other = _flights.TryBegin(new FileKey(1, 66), 0, 10, out _);
        Assert.NotNull(first);
        Assert.NotNull(second);
        Assert.NotNull(other);
    }

    [Fact]
    public async Task TryBegin_ARangeThatIsTaken_IsToldWhenTheOtherEnds()
    {
        RangeFlights.Flight first = _flights.TryBegin(s_key, 0, 10, out _)!;
        Assert.Null(_flights.TryBegin(s_key, 9, 11, out Task? ended));
        Assert.False(ended!.IsCompleted);
        first.Dispose();
        await ended.WaitAsync(TimeSpan.FromSeconds(30));
        using RangeFlights.Flight? second = _flights.TryBegin(s_key, 9, 11, out _);
        Assert.NotNull(second);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Dispose_AnyOfSeveral_LeavesTheOthers(int which)
    {
        RangeFlights.Flight[] flights = [.. Enumerable.Range(0, 3).Select(i => _flights.TryBegin(s_key, i * 10, (i * 10) + 10, out _)!)];
        flights[which].Dispose();
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(i == which, _flights.TryBegin(s_key, i * 10, (i * 10) + 10, out _) is not null);
        }
    }

    [Fact]
    public async Task TryBegin_ManyThreads_OneAtATimeHasARange()
    {
        int inside = 0;
        int most = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(seed => Task.Run(async () =>
        {
            Random random = new(seed);
            for (int i = 0; i < 2000; i++)
            {
                long start = random.Next(100);
                RangeFlights.Flight? flight = _flights.TryBegin(s_key, start, start + 100, out Task? other); // All of them hold byte 99.
                if (flight is null)
                {
                    await other!.WaitAsync(TimeSpan.FromSeconds(30));
                    continue;
                }

                int now = Interlocked.Increment(ref inside);
                most = Math.Max(most, now);
                Interlocked.Decrement(ref inside);
                flight.Dispose();
            }
        })));
        Assert.Equal(1, most);
    }
}
