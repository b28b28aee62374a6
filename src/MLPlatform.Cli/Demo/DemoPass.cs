namespace MLPlatform.Cli.Demo;

/// <summary>What one reading of one set of files came to.</summary>
/// <param name="What">The row's name.</param>
/// <param name="Source">Where the bytes came from, in words.</param>
/// <param name="CpuSeconds">Reader and server together.</param>
internal sealed record DemoPass(string What, string Source, int Files, long Bytes, double WallSeconds, double CpuSeconds, long OriginRequests, long OriginBytes);
