using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using MLPlatform.Core;

namespace MLPlatform.Lab;

/// <summary>
/// A real S3 server for tests: Ceph's radosgw over an in-memory store, started by <c>tests/servers/s3-up</c> on free ports, or
/// one that runs already (<c>MLP_TEST_S3=http://host:port</c>, <c>MLP_TEST_S3_KEYS=access:secret</c>). Starting takes a
/// dozen seconds, so a test run starts one. It ends with this process, however that ends.
/// </summary>
public sealed partial class RadosGateway : IAsyncDisposable
{
    private const string EndpointVariable = "MLP_TEST_S3";
    private const string KeysVariable = "MLP_TEST_S3_KEYS";

    // s3-up takes 13 s on an idle machine; a busy one with a cold disk takes several times that.
    private static readonly TimeSpan s_startDeadline = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan s_stopDeadline = TimeSpan.FromMinutes(1);

    private static int s_buckets;

    private readonly string? _directory;

    private RadosGateway(Uri endpoint, string accessKey, string secretKey, string? directory)
    {
        Endpoint = endpoint;
        AccessKey = accessKey;
        SecretKey = secretKey;
        Signer = new S3Signer(accessKey, secretKey);
        _directory = directory;
    }

    /// <summary>Why no gateway can be had here, with the remedy; null when one can.</summary>
    public static string? SkipReason { get; } = FindSkipReason();

    public Uri Endpoint { get; }

    public string AccessKey { get; }

    public string SecretKey { get; }

    public S3Signer Signer { get; }

    /// <exception cref="CacheException"><c>Unsupported</c>: see <see cref="SkipReason"/>; <c>Unreachable</c>: the server did not start.</exception>
    public static async Task<RadosGateway> StartAsync(CancellationToken cancellationToken = default)
    {
        if (SkipReason is not null)
        {
            throw new CacheException(CacheError.Unsupported, SkipReason);
        }

        if (Environment.GetEnvironmentVariable(EndpointVariable) is { Length: > 0 } running)
        {
            string[] keys = Environment.GetEnvironmentVariable(KeysVariable)!.Split(':', 2);
            return new RadosGateway(new Uri(running), keys[0], keys[1], null);
        }

        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await StartOwnAsync(cancellationToken);
            }
            catch (CacheException) when (attempt < 3)
            {
                // Somebody else took one of the ports between our look and the server's start: other ports.
                continue;
            }
        }
    }

    /// <summary>A client signed with the gateway's keys; the caller disposes it.</summary>
    public S3Lite Connect() => new(Endpoint, Signer);

    /// <summary>Makes an empty bucket of its own for a test.</summary>
    public string NewBucket()
    {
        string bucket = string.Create(CultureInfo.InvariantCulture, $"t{Environment.ProcessId}-{Interlocked.Increment(ref s_buckets)}-{Guid.NewGuid().ToString("N")[..6]}");
        using S3Lite store = Connect();
        store.CreateBucket(bucket);
        return bucket;
    }

    public async ValueTask DisposeAsync()
    {
        if (_directory is not null)
        {
            using CancellationTokenSource deadline = new(s_stopDeadline);
            await RunAsync(ScriptPath("s3-down"), [_directory], [], deadline.Token);
        }
    }

    private static async Task<RadosGateway> StartOwnAsync(CancellationToken cancellationToken)
    {
        // Ceph puts sockets into it, whose paths may take 107 bytes: not below a deep TMPDIR.
        string directory = $"/tmp/mlp-s3-{Environment.ProcessId}-{Guid.NewGuid().ToString("N")[..6]}";
        int[] ports = FreePorts(3);
        const string AccessKey = "LABACCESSKEY00000001";
        string secretKey = Guid.NewGuid().ToString("N") + "00000000";
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(s_startDeadline);
        await RunAsync(
            ScriptPath("s3-up"),
            [directory, "memstore"],
            [
                ("PORT", ports[0].ToString(CultureInfo.InvariantCulture)),
                ("MON", ports[1].ToString(CultureInfo.InvariantCulture)),
                ("MON2", ports[2].ToString(CultureInfo.InvariantCulture)),
                ("AK", AccessKey),
                ("SK", secretKey),
                ("OWNER", Environment.ProcessId.ToString(CultureInfo.InvariantCulture)),
            ],
            deadline.Token);
        return new RadosGateway(new Uri($"http://127.0.0.1:{ports[0]}"), AccessKey, secretKey, directory);
    }

    /// <exception cref="CacheException"><c>Unreachable</c>: the script failed; its last words are in the message.</exception>
    private static async Task RunAsync(string script, string[] arguments, (string Name, string Value)[] environment, CancellationToken cancellationToken)
    {
        ProcessStartInfo start = new(script, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        List<string> said = [];
        process.OutputDataReceived += Note;
        process.ErrorDataReceived += Note;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            await process.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // The script's own exit trap stops what it started.
            using Process? kill = Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]);
            await process.WaitForExitAsync(CancellationToken.None).WaitAsync(s_stopDeadline, CancellationToken.None);
            throw;
        }

        if (process.ExitCode != 0)
        {
            lock (said)
            {
                throw new CacheException(CacheError.Unreachable, $"{Path.GetFileName(script)} failed: {string.Join(' ', said.TakeLast(8))}");
            }
        }

        void Note(object sender, DataReceivedEventArgs line)
        {
            lock (said)
            {
                said.Add(line.Data ?? "");
            }
        }
    }

    private static int[] FreePorts(int count)
    {
        TcpListener[] listeners = new TcpListener[count];
        int[] ports = new int[count];
        for (int i = 0; i < count; i++)
        {
            listeners[i] = new TcpListener(IPAddress.Loopback, 0);
            listeners[i].Start();
            ports[i] = ((IPEndPoint)listeners[i].LocalEndpoint).Port;
        }

        foreach (TcpListener listener in listeners)
        {
            listener.Dispose();
        }

        return ports;
    }

    private static string? FindSkipReason()
    {
        if (Environment.GetEnvironmentVariable(EndpointVariable) is { Length: > 0 })
        {
            return Environment.GetEnvironmentVariable(KeysVariable)?.Contains(':', StringComparison.Ordinal) == true
                ? null
                : $"{EndpointVariable} is set, but {KeysVariable} is not of the form access:secret";
        }

        string[] path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
        foreach (string tool in (ReadOnlySpan<string>)["radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph"])
        {
            if (!path.Any(directory => File.Exists(Path.Combine(directory, tool))))
            {
                return $"needs {tool}: apt-get install --no-install-recommends radosgw ceph-mon ceph-osd ceph-common";
            }
        }

        return File.Exists(ScriptPath("s3-up")) ? null : "needs tests/servers/s3-up, found only from within a clone";
    }

    private static string ScriptPath(string name)
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "tests", "servers", name)))
        {
            directory = Path.GetDirectoryName(directory);
        }

        return Path.Combine(directory ?? "", "tests", "servers", name);
    }
}
