namespace MLPlatform.Lab;

/// <summary>Runs blocking work on threads of its own, so that it neither starves nor is scheduled by the thread pool.</summary>
public static class Threads
{
    /// <returns>Completes when all have ended, with the first failure.</returns>
    public static Task RunAsync(string name, int count, Action<int> work)
    {
        Task[] ends = new Task[count];
        for (int i = 0; i < count; i++)
        {
            int index = i;
            TaskCompletionSource end = new(TaskCreationOptions.RunContinuationsAsynchronously);
            ends[i] = end.Task;
            Thread thread = new(
                () =>
                {
                    try
                    {
                        work(index);
                        end.SetResult();
                    }
                    catch (Exception e) // The task is where a failure on this thread goes, whatever it is.
                    {
                        end.SetException(e);
                    }
                },
                512 << 10)
            {
                IsBackground = true,
                Name = name,
            };
            thread.Start();
        }

        return Task.WhenAll(ends);
    }
}
