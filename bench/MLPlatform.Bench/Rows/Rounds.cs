namespace MLPlatform.Bench.Rows;

/// <summary>Rounds in which everybody has a turn, each round beginning with another one, so that none always follows the same neighbour.</summary>
internal static class Rounds
{
    /// <param name="turns">The floor, then the candidates; told the round's number.</param>
    public static async Task RunAsync(int rounds, IReadOnlyList<Func<int, Task>> turns)
    {
        for (int round = 0; round < rounds; round++)
        {
            for (int turn = 0; turn < turns.Count; turn++)
            {
                await turns[(round + turn) % turns.Count](round);
            }
        }
    }
}
