namespace MLPlatform.Cli.Mounting;

/// <summary>Does what <c>ls DIR</c> does, with a deadline.</summary>
internal static class MountProbe
{
    /// <returns>Null when the directory answers, else why not.</returns>
    public static string? List(string directory, TimeSpan patience)
    {
        string? problem = "it does not answer";

        // On a thread of its own: a read of a directory whose server hangs cannot be called off.
        Thread thread = new(() => problem = Try(directory)) { IsBackground = true };
        thread.Start();
        return thread.Join(patience) ? problem : "it does not answer";
    }

    private static string? Try(string directory)
    {
        try
        {
            // The first few names show that it answers; a directory of a million need not be read whole.
            _ = Directory.EnumerateFileSystemEntries(directory).Take(16).Count();
            return null;
        }
        catch (UnauthorizedAccessException)
        {
            return null; // It answers, and only not us: --uid and --dir-mode may say so.
        }
        catch (IOException e)
        {
            return e.Message;
        }
    }
}
