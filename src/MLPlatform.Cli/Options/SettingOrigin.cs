namespace MLPlatform.Cli.Options;

/// <summary>Where a value came from, weakest first.</summary>
internal enum SettingOrigin
{
    Default,
    File,
    Environment,
    CommandLine,
}
