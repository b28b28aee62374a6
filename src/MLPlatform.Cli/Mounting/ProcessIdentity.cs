using System.Globalization;

namespace MLPlatform.Cli.Mounting;

/// <summary>Tells a process from a later one with the same number.</summary>
internal static class ProcessIdentity
{
    /// <returns>Field 22 of /proc/PID/stat, or null when there is no such process or it is a zombie.</returns>
    public static long? StartTicks(int pid)
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{pid}/stat");

            // The name in field 2 may hold spaces and parentheses; what follows its last ')' starts with field 3, the state.
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] is "Z" or "X" ? null : long.Parse(fields[19], CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Of this process, such as <c>pid:[4026531836]</c>.</summary>
    public static string Namespace { get; } = new FileInfo("/proc/self/ns/pid").LinkTarget ?? "";

    public static bool IsAlive(int pid, long startTicks) => StartTicks(pid) == startTicks;

    /// <returns>False when it still runs at the end.</returns>
    public static async Task<bool> WaitForExitAsync(int pid, long startTicks, TimeSpan patience, CancellationToken cancellationToken)
    {
        long end = Environment.TickCount64 + (long)patience.TotalMilliseconds;
        while (IsAlive(pid, startTicks))
        {
            if (Environment.TickCount64 >= end)
            {
                return false;
            }

            await Task.Delay(10, cancellationToken); // The end of a process that is not our child raises no event.
        }

        return true;
    }

    /// <returns>The command's short name, for messages.</returns>
    public static string Name(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/comm").Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "?";
        }
    }
}
