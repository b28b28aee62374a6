using MLPlatform.UnderStore;

namespace MLPlatform.Cli.Options;

/// <summary>How to reach a store.</summary>
internal static class StoreSettings
{
    private const string Group = "Store options";

    public static readonly Setting<string?> EndpointUrl = new(
        "endpoint-url", "URL", "Another S3 server than AWS's own, such as http://127.0.0.1:7480. No region is needed with it.", null, static t => ParseUrl(t[0]))
    {
        Group = Group,
        Environment = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"],
        EnvironmentCounts = static variable => !string.Equals(variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true", StringComparison.OrdinalIgnoreCase),
        IsSensitive = true,
    };

    public static readonly Setting<string?> Region = new(
        "region", "NAME", "Region of the bucket. It is found by itself where the server says it.", null, static t => t[0])
    {
        Group = Group,
        Environment = ["AWS_REGION", "AWS_DEFAULT_REGION"],
    };

    public static readonly Setting<bool> Anonymous = new(
        "anonymous", null, "Send requests unsigned, for public buckets.", false, static t => SettingKinds.ParseFlag(t[0])) { Group = Group };

    public static readonly Setting<string?> Credentials = new(
        "credentials",
        "REF",
        "Where the credentials are, never a secret itself: profile:NAME of the shared AWS files, file:PATH of an INI file with aws_access_key_id and aws_secret_access_key, or env. Without it the usual chain of the AWS SDKs is asked.",
        null,
        static t => ParseReference(t[0]))
    {
        Group = Group,
        IsSensitive = true,
    };

    public static readonly Setting<bool?> PathStyle = new(
        "path-style",
        "WORD",
        "Whether the bucket stands in the path instead of the host name.",
        null,
        static t => SettingKinds.ParseWord(t[0], [("auto", (bool?)null), ("on", true), ("off", false)]))
    {
        Group = Group,
        Words = ["auto", "on", "off"],
        DefaultText = "auto, which is on with --endpoint-url",
    };

    public static IReadOnlyList<Setting> All { get; } = [EndpointUrl, Region, Anonymous, Credentials, PathStyle];

    public static UnderStoreOptions From(SettingValues values) => new()
    {
        EndpointUrl = values.Get(EndpointUrl),
        Region = values.Get(Region),
        Anonymous = values.Get(Anonymous),
        Credentials = values.Get(Credentials),
        PathStyle = values.Get(PathStyle),
    };

    private static string ParseUrl(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? url) && url.Scheme is ("http" or "https") && url.UserInfo.Length == 0
            ? text.TrimEnd('/')
            : throw new FormatException("is no URL of a server; write it as https://host:port, without user and password");

    private static string ParseReference(string text)
    {
        if (text == "env"
            || (text.StartsWith("profile:", StringComparison.Ordinal) && text.Length > 8)
            || (text.StartsWith("file:", StringComparison.Ordinal) && text.Length > 5))
        {
            return text;
        }

        throw new FormatException("is no reference; write profile:NAME, file:PATH or env, and never a secret itself");
    }
}
