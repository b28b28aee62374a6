using System.Net.Http.Headers;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Cli.Doctor;

/// <summary>Whether a source can be reached and read with the options given.</summary>
internal sealed class StoreChecks(UnderStoreOptions options, TimeProvider time, Func<string, string?> environment)
{
    // Long enough for a slow name server and one retry, short enough to wait for.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(15);

    // S3 refuses signatures that are off by 15 minutes; one minute off already means that nobody sets the clock.
    private static readonly TimeSpan s_wrongClock = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan s_poorClock = TimeSpan.FromMinutes(1);

    /// <param name="uri">Of a store, not a dataset's name.</param>
    public async Task<IReadOnlyList<Finding>> RunAsync(string uri, CancellationToken cancellationToken)
    {
        List<Finding> findings = [];
        if (uri.StartsWith("s3://", StringComparison.OrdinalIgnoreCase))
        {
            findings.Add(CredentialChecks.Run(options, environment, File.Exists));
            string endpoint = options.EndpointUrl ?? $"https://s3.{(options.Region is null ? "" : options.Region + ".")}amazonaws.com";
            findings.AddRange(await EndpointAsync(endpoint, cancellationToken));
        }

        findings.Add(await StoreAsync(uri, cancellationToken));
        return findings;
    }

    private async Task<Finding> StoreAsync(string uri, CancellationToken cancellationToken)
    {
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(s_patience);
        try
        {
            await using IUnderStore store = UnderStoreFactory.Open(uri, options, time, NullLoggerFactory.Instance);
            await store.CheckAsync(deadline.Token);
            return Finding.Ok("source", $"{store.Uri} can be listed");
        }
        catch (CacheException e)
        {
            return Finding.Fail("source", e.Message.TrimEnd('.'), Remedy(e.Error));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Finding.Fail("source", $"{uri} did not answer within {Duration.Format(s_patience)}", Remedy(CacheError.Unreachable));
        }
    }

    private async Task<IReadOnlyList<Finding>> EndpointAsync(string endpoint, CancellationToken cancellationToken)
    {
        bool isTls = endpoint.StartsWith("https://", StringComparison.OrdinalIgnoreCase);
        try
        {
            using HttpClient client = new(Handler(environment("AWS_CA_BUNDLE"))) { Timeout = s_patience };
            using HttpRequestMessage request = new(HttpMethod.Get, endpoint);
            using HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            List<Finding> findings = [Finding.Ok("endpoint", $"{endpoint} answers")];
            if (isTls)
            {
                findings.Add(Finding.Ok("tls", "the server's certificate is trusted"));
            }

            findings.Add(Clock(response.Headers, time.GetUtcNow()));
            return findings;
        }
        catch (HttpRequestException e) when (e.InnerException is AuthenticationException)
        {
            return
            [
                Finding.Ok("endpoint", $"{endpoint} answers"),
                Finding.Fail("tls", $"the server's certificate is not trusted: {e.InnerException.Message.TrimEnd('.')}", "install ca-certificates, or name the authority's file in AWS_CA_BUNDLE"),
            ];
        }
        catch (Exception e) when (e is CryptographicException or FileNotFoundException or DirectoryNotFoundException)
        {
            return [Finding.Fail("tls", $"AWS_CA_BUNDLE names a file that cannot be used: {e.Message.TrimEnd('.')}", "correct or unset AWS_CA_BUNDLE")];
        }
        catch (HttpRequestException e)
        {
            return [Finding.Fail("endpoint", $"{endpoint} cannot be reached: {e.Message.TrimEnd('.')}", "correct --endpoint-url or --region, and look at name service, proxy and firewall")];
        }
        catch (TaskCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return [Finding.Fail("endpoint", $"{endpoint} did not answer within {Duration.Format(s_patience)}", "look at --endpoint-url, proxy and firewall")];
        }
    }

    // As the store itself does it.
    private static SocketsHttpHandler Handler(string? authoritiesFile)
    {
        SocketsHttpHandler handler = new() { AllowAutoRedirect = false };
        if (!string.IsNullOrEmpty(authoritiesFile))
        {
            handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            handler.SslOptions.CertificateChainPolicy.CustomTrustStore.ImportFromPemFile(authoritiesFile);
        }

        return handler;
    }

    internal static Finding Clock(HttpResponseHeaders headers, DateTimeOffset now)
    {
        if (headers.Date is not { } date)
        {
            return Finding.Ok("clock", "the server tells no time to compare with");
        }

        TimeSpan skew = (now - date).Duration();
        string remedy = "set the clock: run an NTP service such as chrony";
        return skew switch
        {
            _ when skew > s_wrongClock => Finding.Fail("clock", $"{Duration.Format(skew)} off the server's, so S3 refuses every signature", remedy),
            _ when skew > s_poorClock => Finding.Warn("clock", $"{Duration.Format(skew)} off the server's", remedy),
            _ => Finding.Ok("clock", "agrees with the server's"),
        };
    }

    private static string Remedy(CacheError error) => error switch
    {
        CacheError.NotFound => "correct the name of the bucket or directory",
        CacheError.Unauthenticated => "correct the credentials; see the line above",
        CacheError.AccessDenied => "have the owner allow listing and reading, or use --anonymous for a public bucket",
        CacheError.Configuration => "correct the source or the option that the sentence names",
        _ => "look at --endpoint-url, network and firewall",
    };
}
