using CsCheck;
using MLPlatform.Core;
using MLPlatform.Protocol;
using Xunit;

namespace MLPlatform.Tests.Protocol;

public sealed class CreditGateProperties
{
    private const int Requests = 3;
    private const int Bytes = 100;

    /// <summary>Against the simplest model: a list of who waits, in order. 0 … 100: ask for so many bytes; below: give the oldest back; above: the last who waits goes away.</summary>
    [Fact]
    public void Gate_AnyAsksReturnsAndCancellations_AdmitsInOrderAndNeverTooMuch() =>
        Gen.Int[-60, 120].Array[0, 80].Sample(steps =>
        {
            CreditGate gate = new(Requests, Bytes);
            List<(int Size, Task Task, CancellationTokenSource Token)> waiting = [];
            Queue<int> held = new();
            foreach (int step in steps)
            {
                if (step < 0 && held.TryDequeue(out int back))
                {
                    gate.Return(back);
                }
                else if (step is >= 0 and <= Bytes)
                {
                    CancellationTokenSource token = new();
                    waiting.Add((step, gate.TakeAsync(step, token.Token).AsTask(), token));
                }
                else if (step > Bytes && waiting.Count > 0)
                {
                    waiting[^1].Token.Cancel();
                    Assert.ThrowsAny<OperationCanceledException>(() => waiting[^1].Task.GetAwaiter().GetResult());
                    waiting.RemoveAt(waiting.Count - 1);
                }

                // The model: from the front, as long as there is room.
                while (waiting.Count > 0 && held.Count < Requests && held.Sum() + waiting[0].Size <= Bytes)
                {
                    Assert.True(waiting[0].Task.Wait(TimeSpan.FromSeconds(30)));
                    held.Enqueue(waiting[0].Size);
                    waiting.RemoveAt(0);
                }

                Assert.All(waiting, static waiter => Assert.False(waiter.Task.IsCompleted));
            }

            gate.Fail(new CacheException(CacheError.Unreachable, "over"));
            Assert.All(waiting, static waiter => Assert.Throws<CacheException>(() => waiter.Task.GetAwaiter().GetResult()));
        }, iter: 2000);
}
