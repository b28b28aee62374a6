namespace MLPlatform.Cli.Options;

internal enum MountProfileChoice
{
    Auto,
    Files,
    Shards,
}
