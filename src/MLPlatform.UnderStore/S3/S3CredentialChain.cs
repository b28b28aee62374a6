using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;
using Amazon.Runtime;
using Amazon.Runtime.CredentialManagement;
using Amazon.SecurityToken;
using MLPlatform.Core;

namespace MLPlatform.UnderStore.S3;

/// <summary>
/// What <c>--credentials</c> refers to, and without it the order in which every SDK looks: environment, web identity,
/// profile, container, instance metadata. The classes are the SDK's; the walk is ours, because the SDK's own takes up to
/// 35 seconds to find that there is no metadata service.
/// </summary>
internal static class S3CredentialChain
{
    private const string Remedy = "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile (--credentials profile:NAME), a file (--credentials file:PATH), or --anonymous for a public bucket";

    // On EC2 the service answers within milliseconds.
    private static readonly TimeSpan s_metadataConnect = TimeSpan.FromSeconds(1);

    // Connect, token, role and keys together; DESIGN bounds the probe to two seconds.
    private static readonly TimeSpan s_metadataTotal = TimeSpan.FromSeconds(1.9);

    /// <exception cref="CacheException"><c>Configuration</c>: the reference is of no known kind.</exception>
    // Profiles that assume a role or use web identity have the SDK make a client of the token service by reflection.
    [DynamicDependency(DynamicallyAccessedMemberTypes.PublicConstructors, typeof(AmazonSecurityTokenServiceClient))]
    [DynamicDependency(DynamicallyAccessedMemberTypes.PublicConstructors, typeof(AmazonSecurityTokenServiceConfig))]
    public static IS3CredentialSource Open(UnderStoreOptions options, TimeProvider time)
    {
        if (options.Anonymous)
        {
            return new S3CredentialSource(time, static () => Task.FromResult<S3Credentials?>(null));
        }

        string? reference = options.Credentials;
        if (string.IsNullOrEmpty(reference))
        {
            return new S3CredentialSource(time, new DefaultChain(time).GetAsync);
        }

        if (reference == "env")
        {
            return new S3CredentialSource(time, static () => GetAsync(Environment() ?? throw Missing("The environment holds no AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY; set both.")));
        }

        if (reference.StartsWith("profile:", StringComparison.Ordinal) && reference.Length > 8)
        {
            string name = reference[8..];
            Lazy<AWSCredentials> profile = new(() => Profile(name) ?? throw Missing($"There is no profile '{name}' in the AWS configuration ({Files()})."));
            return new S3CredentialSource(time, () => GetAsync(profile.Value));
        }

        if (reference.StartsWith("file:", StringComparison.Ordinal) && reference.Length > 5)
        {
            string path = reference[5..];
            return new S3CredentialSource(time, () => Task.FromResult<S3Credentials?>(FromFile(path)));
        }

        throw new CacheException(CacheError.Configuration, "A credentials reference is 'env', 'profile:NAME' or 'file:PATH'; a secret itself is never an option.");
    }

    /// <summary>The region of the profile in use, for those who set none otherwise.</summary>
    public static string? ProfileRegion(string? reference)
    {
        string? name = reference switch
        {
            null or "" => System.Environment.GetEnvironmentVariable("AWS_PROFILE") ?? "default",
            _ when reference.StartsWith("profile:", StringComparison.Ordinal) => reference[8..],
            _ => null,
        };
        return name is not null && Profiles().TryGetProfile(name, out CredentialProfile profile) ? profile.Region?.SystemName : null;
    }

    /// <summary>Reads <c>aws_access_key_id</c>, <c>aws_secret_access_key</c> and <c>aws_session_token</c> of an INI file's first section that has them.</summary>
    internal static S3Credentials FromFile(string path)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Missing($"The credentials file {path} cannot be read: {e.Message}");
        }

        string? key = null;
        string? secret = null;
        string? token = null;
        foreach (string raw in lines)
        {
            string line = raw.Trim();
            if (line.StartsWith('[') && key is not null && secret is not null)
            {
                break;
            }

            int equals = line.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0 || line[0] is '#' or ';')
            {
                continue;
            }

            string value = line[(equals + 1)..].Trim();
            switch (line[..equals].Trim().ToLowerInvariant())
            {
                case "aws_access_key_id":
                    key = value;
                    break;
                case "aws_secret_access_key":
                    secret = value;
                    break;
                case "aws_session_token":
                    token = value;
                    break;
            }
        }

        return string.IsNullOrEmpty(key) || string.IsNullOrEmpty(secret)
            ? throw Missing($"The credentials file {path} lacks aws_access_key_id or aws_secret_access_key.")
            : new S3Credentials(key, secret, token);
    }

    private static async Task<S3Credentials?> GetAsync(AWSCredentials credentials)
    {
        ImmutableCredentials keys = await credentials.GetCredentialsAsync();
        return new S3Credentials(keys.AccessKey, keys.SecretKey, keys.UseToken ? keys.Token : null);
    }

    private static EnvironmentVariablesAWSCredentials? Environment() =>
        HasVariable("AWS_ACCESS_KEY_ID") && HasVariable("AWS_SECRET_ACCESS_KEY") ? new EnvironmentVariablesAWSCredentials() : null;

    private static AWSCredentials? Profile(string name) =>
        Profiles().TryGetAWSCredentials(name, out AWSCredentials credentials) ? credentials : null;

    // Named here, because the SDK looks at the variable once in a process's life.
    private static CredentialProfileStoreChain Profiles() =>
        System.Environment.GetEnvironmentVariable("AWS_SHARED_CREDENTIALS_FILE") is { } path && File.Exists(path) ? new CredentialProfileStoreChain(path) : new CredentialProfileStoreChain();

    private static string Files() =>
        System.Environment.GetEnvironmentVariable("AWS_SHARED_CREDENTIALS_FILE") ?? "~/.aws/credentials and ~/.aws/config";

    private static bool HasVariable(string name) => !string.IsNullOrEmpty(System.Environment.GetEnvironmentVariable(name));

    private static CacheException Missing(string sentence) => new(CacheError.Unauthenticated, sentence);

    /// <summary>Remembers which source had keys, since the SDK's object renews them by itself.</summary>
    private sealed class DefaultChain(TimeProvider time)
    {
        private AWSCredentials? _found;

        public async Task<S3Credentials?> GetAsync()
        {
            AWSCredentials? found = _found ?? Configured();
            if (found is not null)
            {
                S3Credentials? keys = await S3CredentialChain.GetAsync(found);
                _found = found is EnvironmentVariablesAWSCredentials ? null : found;
                return keys;
            }

            return await FromMetadataAsync();
        }

        /// <summary>Everything that takes no network to find.</summary>
        private static AWSCredentials? Configured()
        {
            if (Environment() is { } environment)
            {
                return environment;
            }

            if (HasVariable("AWS_WEB_IDENTITY_TOKEN_FILE") && HasVariable("AWS_ROLE_ARN"))
            {
                return AssumeRoleWithWebIdentityCredentials.FromEnvironmentVariables();
            }

            string? named = System.Environment.GetEnvironmentVariable("AWS_PROFILE");
            if (Profile(string.IsNullOrEmpty(named) ? "default" : named) is { } profile)
            {
                return profile;
            }

            if (!string.IsNullOrEmpty(named))
            {
                throw Missing($"AWS_PROFILE names the profile '{named}', which the AWS configuration ({Files()}) does not have.");
            }

            return HasVariable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") || HasVariable("AWS_CONTAINER_CREDENTIALS_FULL_URI") ? new GenericContainerCredentials() : null;
        }

        private async Task<S3Credentials?> FromMetadataAsync()
        {
            const string None = "There are no S3 credentials: ";
            if (string.Equals(System.Environment.GetEnvironmentVariable("AWS_EC2_METADATA_DISABLED"), "true", StringComparison.OrdinalIgnoreCase))
            {
                throw Missing(None + Remedy + ".");
            }

            if (!await MetadataAnswersAsync())
            {
                throw Missing($"{None}{Remedy} (this machine has no instance metadata service either).");
            }

            try
            {
                return await Task.Run(FromInstanceAsync).WaitAsync(s_metadataTotal - s_metadataConnect, time);
            }
            catch (Exception e) when (e is TimeoutException or AmazonClientException or InvalidOperationException)
            {
                throw new CacheException(CacheError.Unauthenticated, $"{None}{Remedy} (the instance metadata service gave none).", e);
            }
        }

        private async Task<S3Credentials?> FromInstanceAsync()
        {
            InstanceProfileAWSCredentials instance = new();
            S3Credentials? keys = await S3CredentialChain.GetAsync(instance);
            _found = instance;
            return keys;
        }

        private async Task<bool> MetadataAnswersAsync()
        {
            string? configured = System.Environment.GetEnvironmentVariable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
            Uri endpoint = Uri.TryCreate(configured, UriKind.Absolute, out Uri? given) ? given : new Uri("http://169.254.169.254");
            using CancellationTokenSource timeout = new(s_metadataConnect, time);
            using Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(endpoint.DnsSafeHost, endpoint.Port, timeout.Token);
                return true;
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                return false;
            }
        }
    }
}
