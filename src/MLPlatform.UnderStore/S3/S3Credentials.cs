using System.Text;

namespace MLPlatform.UnderStore.S3;

/// <summary>Keys as they sign, with the signing key of the present day and region kept. Any thread may use it. Its text never shows a secret.</summary>
internal sealed class S3Credentials
{
    private readonly string _secret;
    private SigningKey? _key;

    public S3Credentials(string accessKey, string secret, string? sessionToken)
    {
        AccessKey = accessKey;
        _secret = secret;
        SessionToken = string.IsNullOrEmpty(sessionToken) ? null : Encoding.ASCII.GetBytes(sessionToken);
    }

    public string AccessKey { get; }

    public byte[]? SessionToken { get; }

    public SigningKey KeyFor(AmzDate date, string region)
    {
        SigningKey? key = Volatile.Read(ref _key);
        if (key is null || key.Day != date.Day || key.Region != region)
        {
            key = new SigningKey(AccessKey, _secret, date.Day, region);
            Volatile.Write(ref _key, key);
        }

        return key;
    }

    public bool Equals(S3Credentials? other) =>
        other is not null && AccessKey == other.AccessKey && _secret == other._secret
        && (SessionToken ?? []).AsSpan().SequenceEqual(other.SessionToken ?? []);

    public override bool Equals(object? obj) => Equals(obj as S3Credentials);

    public override int GetHashCode() => AccessKey.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => "credentials";

    internal sealed class SigningKey(string accessKey, string secret, string day, string region)
    {
        public string Day { get; } = day;

        public string Region { get; } = region;

        public byte[] Key { get; } = SigV4.DeriveKey(secret, day, region, "s3");

        public byte[] Scope { get; } = Encoding.ASCII.GetBytes($"{day}/{region}/s3/aws4_request");

        /// <summary>The Credential field of the Authorization header.</summary>
        public byte[] Credential { get; } = Encoding.ASCII.GetBytes($"{accessKey}/{day}/{region}/s3/aws4_request");
    }
}
