namespace MLPlatform.Cli.Logs;

/// <summary>Where finished lines go. Used by the log thread only.</summary>
internal interface ILogOutput : IDisposable
{
    void Write(string line);

    void Flush();
}
