using System.Globalization;
using System.Text;
using System.Threading.Channels;
using MLPlatform.Fuse;

namespace MLPlatform.FileSystem;

/// <summary>
/// One line per request for whoever reads <c>.mlp/accesslog</c>; costs one read of a field while nobody does. A reader that falls behind
/// loses lines and is told how many. Any thread may call it.
/// </summary>
public sealed class AccessLog
{
    // About 1 MB per reader.
    private const int QueuedLines = 8192;

    private readonly Lock _lock = new();
    private Subscription[] _subscriptions = [];

    public Subscription Subscribe()
    {
        Subscription subscription = new(this);
        lock (_lock)
        {
            _subscriptions = [.. _subscriptions, subscription];
        }

        return subscription;
    }

    internal void Write(in FuseRequest request, Errno errno)
    {
        if (_subscriptions.Length > 0)
        {
            Publish(request, "", errno);
        }
    }

    internal void WriteRead(in FuseRequest request, long offset, int length)
    {
        if (_subscriptions.Length > 0)
        {
            Publish(request, string.Create(CultureInfo.InvariantCulture, $" offset={offset} length={length}"), Errno.None);
        }
    }

    private void Publish(in FuseRequest request, string detail, Errno errno)
    {
        string result = errno == Errno.None ? "ok" : errno.ToString();
        string line = string.Create(
            CultureInfo.InvariantCulture,
            $"{DateTime.UtcNow:yyyy-MM-ddTHH:mm:ss.ffffffZ} pid={request.Pid} uid={request.Uid} {request.OperationName} inode={request.Inode}{detail} {result}\n");
        byte[] bytes = Encoding.UTF8.GetBytes(line);
        foreach (Subscription subscription in _subscriptions)
        {
            subscription.Add(bytes);
        }
    }

    /// <summary>One reader of the log.</summary>
    public sealed class Subscription : IDisposable
    {
        private readonly AccessLog _owner;
        private readonly Channel<byte[]> _lines = Channel.CreateBounded<byte[]>(new BoundedChannelOptions(QueuedLines) { FullMode = BoundedChannelFullMode.Wait });
        private long _lost;

        internal Subscription(AccessLog owner) => _owner = owner;

        /// <summary>Waits for at least one line and gives as many whole lines as fit.</summary>
        public async ValueTask<byte[]> ReadAsync(int maxBytes, CancellationToken cancellationToken)
        {
            await _lines.Reader.WaitToReadAsync(cancellationToken);
            MemoryStream taken = new();
            if (Interlocked.Exchange(ref _lost, 0) is > 0 and long lost)
            {
                taken.Write(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"# {lost} lines lost: read faster\n")));
            }

            while (_lines.Reader.TryPeek(out byte[]? line) && taken.Length + line.Length <= maxBytes && _lines.Reader.TryRead(out line))
            {
                taken.Write(line);
            }

            return taken.ToArray();
        }

        public void Dispose()
        {
            lock (_owner._lock)
            {
                _owner._subscriptions = [.. _owner._subscriptions.Where(s => s != this)];
            }

            _lines.Writer.TryComplete();
        }

        internal void Add(byte[] line)
        {
            if (!_lines.Writer.TryWrite(line))
            {
                Interlocked.Increment(ref _lost);
            }
        }
    }
}
