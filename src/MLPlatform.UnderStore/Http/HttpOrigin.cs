namespace MLPlatform.UnderStore.Http;

/// <summary>Where requests go: scheme, host and port of one server.</summary>
/// <param name="Tls">https.</param>
/// <param name="Host">Name or address, without brackets.</param>
internal sealed record HttpOrigin(bool Tls, string Host, int Port)
{
    public bool IsDefaultPort => Port == (Tls ? 443 : 80);

    /// <summary>Value of the Host header; a default port is left out, as signatures expect.</summary>
    public string Authority
    {
        get
        {
            string host = Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host;
            return IsDefaultPort ? host : $"{host}:{Port}";
        }
    }

    public override string ToString() => (Tls ? "https://" : "http://") + Authority;
}
