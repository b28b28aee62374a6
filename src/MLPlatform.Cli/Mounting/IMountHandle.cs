namespace MLPlatform.Cli.Mounting;

/// <summary>A mount that is being served by this process. Disposing it unmounts, lazily if it must, and ends the service.</summary>
internal interface IMountHandle : IAsyncDisposable
{
    /// <summary>As mount(8) shows it: the source's full name, whatever the user wrote.</summary>
    string SourceName { get; }

    /// <summary>Completes when the kernel has ended the connection, by whomever it was unmounted; fails when the session broke.</summary>
    Task Ended { get; }
}
