namespace MLPlatform.Cli.Options;

internal enum LogFormat
{
    Text,
    Json,
}
