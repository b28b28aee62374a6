using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Core;
using MLPlatform.UnderStore;
using Xunit;

namespace MLPlatform.MountTests.UnderStore;

/// <summary>Where credentials come from without a reference. It changes the environment of the process, so nothing runs beside it.</summary>
[Collection(CredentialChainCollection.Name)]
public sealed class CredentialChainTests : IDisposable
{
    private readonly Dictionary<string, string?> _old = [];
    private readonly string _directory = Directory.CreateTempSubdirectory("mlp-chain").FullName;

    public CredentialChainTests()
    {
        foreach (string name in new[]
        {
            "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        })
        {
            Set(name, null);
        }

        Set("AWS_SHARED_CREDENTIALS_FILE", _directory + "/credentials");
        Set("AWS_CONFIG_FILE", _directory + "/config");
    }

    public void Dispose()
    {
        foreach ((string name, string? value) in _old)
        {
            Environment.SetEnvironmentVariable(name, value);
        }

        Directory.Delete(_directory, recursive: true);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task None_MetadataServiceSilent_IsOneSentenceWithinTwoSeconds(bool accepts)
    {
        Skip.If(File.Exists(Environment.GetEnvironmentVariable("HOME") + "/.aws/credentials"), "this account has AWS credentials of its own");

        // A backlog of none that is full drops what comes next, as a network without the service does; else connections are taken and never answered.
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(accepts ? 16 : 0);
        using Socket filler = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using Socket second = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
        if (!accepts)
        {
            await filler.ConnectAsync(listener.LocalEndPoint!);
            _ = second.ConnectAsync(listener.LocalEndPoint!);
        }

        Set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://" + listener.LocalEndPoint);
        long start = TimeProvider.System.GetTimestamp();
        CacheException e = await CheckFailsAsync();
        TimeSpan took = TimeProvider.System.GetElapsedTime(start);
        Assert.Equal(CacheError.Unauthenticated, e.Error);
        Assert.Contains("--anonymous", e.Message, StringComparison.Ordinal);
        Assert.Contains("AWS_ACCESS_KEY_ID", e.Message, StringComparison.Ordinal);

        // Users are promised two seconds; the rest is for a machine that is busy.
        Assert.InRange(took, TimeSpan.Zero, TimeSpan.FromSeconds(6));
    }

    [Fact]
    public async Task None_MetadataDisabled_IsToldAtOnce()
    {
        Set("AWS_EC2_METADATA_DISABLED", "true");
        Assert.Equal(CacheError.Unauthenticated, (await CheckFailsAsync()).Error);
    }

    [Fact]
    public async Task Environment_Keys_AreUsed()
    {
        Set("AWS_ACCESS_KEY_ID", "FROMENV");
        Set("AWS_SECRET_ACCESS_KEY", "secret");
        Set("AWS_SESSION_TOKEN", "session");
        string request = await FirstRequestAsync(new UnderStoreOptions());
        Assert.Contains("Credential=FROMENV/", request, StringComparison.Ordinal);
        Assert.Contains("x-amz-security-token:session\r\n", request, StringComparison.Ordinal);
        Assert.Contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,", request, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Profile_NamedOrByReference_IsUsed()
    {
        await File.WriteAllTextAsync(_directory + "/credentials", "[one]\naws_access_key_id=KEYONE\naws_secret_access_key=s\n[two]\naws_access_key_id=KEYTWO\naws_secret_access_key=s\n");
        Set("AWS_PROFILE", "one");
        Assert.Contains("Credential=KEYONE/", await FirstRequestAsync(new UnderStoreOptions()), StringComparison.Ordinal);
        Assert.Contains("Credential=KEYTWO/", await FirstRequestAsync(new UnderStoreOptions { Credentials = "profile:two" }), StringComparison.Ordinal);
        Set("AWS_PROFILE", "three");
        CacheException e = await CheckFailsAsync();
        Assert.Equal(CacheError.Unauthenticated, e.Error);
        Assert.Contains("'three'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CaBundle_ThatIsBroken_DoesNotMatterToPlainHttp()
    {
        Set("AWS_CA_BUNDLE", "/no/such/file.pem");
        Assert.StartsWith("GET /bucket?", await FirstRequestAsync(new UnderStoreOptions { Anonymous = true }), StringComparison.Ordinal);
    }

    private static async Task<CacheException> CheckFailsAsync()
    {
        await using IUnderStore store = UnderStoreFactory.Open("s3://bucket", new UnderStoreOptions { EndpointUrl = "http://127.0.0.1:9" }, TimeProvider.System, NullLoggerFactory.Instance);
        return await Assert.ThrowsAsync<CacheException>(() => store.CheckAsync(UnderStoreContract.Limit()));
    }

    /// <summary>What a server is sent first; it closes without an answer.</summary>
    private static async Task<string> FirstRequestAsync(UnderStoreOptions options)
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        await using IUnderStore store = UnderStoreFactory.Open("s3://bucket", options with { EndpointUrl = "http://" + listener.LocalEndpoint }, TimeProvider.System, NullLoggerFactory.Instance);
        Task check = store.CheckAsync(UnderStoreContract.Limit());
        string request = "";
        using (TcpClient client = await listener.AcceptTcpClientAsync(UnderStoreContract.Limit()))
        {
            byte[] buffer = new byte[8192];
            while (!request.EndsWith("\r\n\r\n", StringComparison.Ordinal))
            {
                request += System.Text.Encoding.ASCII.GetString(buffer, 0, await client.GetStream().ReadAsync(buffer, UnderStoreContract.Limit()));
            }
        }

        listener.Stop();
        await Assert.ThrowsAsync<CacheException>(() => check);
        return request;
    }

    private void Set(string name, string? value)
    {
        _old.TryAdd(name, Environment.GetEnvironmentVariable(name));
        Environment.SetEnvironmentVariable(name, value);
    }
}

[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class CredentialChainCollection
{
    public const string Name = "changes the environment";
}
