using System.Text;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Microsoft.Extensions.Logging.Abstractions;
using MLPlatform.Core;
using MLPlatform.Lab;
using MLPlatform.MountTests.Lab;
using MLPlatform.UnderStore;
using Xunit;

namespace MLPlatform.MountTests.UnderStore;

/// <summary>Our requests give what the AWS SDK gives: the same keys, attributes, bytes and refusals from the same server.</summary>
[Collection(RadosGatewayFixture.Collection)]
public sealed class SdkAgreementTests(RadosGatewayFixture fixture)
{
    private static readonly string[] s_keys = ["plain", "a b+c", "a%2Fb%20", "dir/ü/日本語😀", "dir/x//y", "q?&=#;:@$,!'()*~", "<&>\"", "tail/"];

    [SkippableFact]
    public async Task Listing_Head_AndRanges_Agree()
    {
        RadosGateway gateway = fixture.Gateway;
        string bucket = gateway.NewBucket();
        using (S3Lite lite = gateway.Connect())
        {
            foreach (string key in s_keys)
            {
                lite.Put(bucket, key, Encoding.UTF8.GetBytes("content of " + key));
            }
        }

        using AmazonS3Client sdk = Sdk(gateway, gateway.SecretKey);
        using TestCredentials credentials = new(gateway.AccessKey, gateway.SecretKey);
        await using IUnderStore ours = Open(gateway, bucket, credentials);
        Dictionary<string, StoreEntry> entries = (await UnderStoreContract.ListUnitsAsync(ours, new Random(1))).ToDictionary(UnderStoreContract.Text);
        ListObjectsV2Response listing = await sdk.ListObjectsV2Async(new ListObjectsV2Request { BucketName = bucket });
        Assert.Equal(s_keys.Order(StringComparer.Ordinal), listing.S3Objects.Select(static o => o.Key).Order(StringComparer.Ordinal));
        Assert.Equal(s_keys.Order(StringComparer.Ordinal), entries.Keys.Order(StringComparer.Ordinal));
        foreach (S3Object theirs in listing.S3Objects)
        {
            StoreEntry entry = entries[theirs.Key];
            Assert.Equal(theirs.Size, entry.Size);
            Assert.Equal(theirs.ETag.Trim('"'), entry.Identity.ETag);
            Assert.Equal(new DateTimeOffset(theirs.LastModified!.Value.ToUniversalTime(), TimeSpan.Zero).ToUnixTimeMilliseconds(), entry.MtimeNanoseconds / 1_000_000);

            GetObjectMetadataResponse head = await sdk.GetObjectMetadataAsync(bucket, theirs.Key);
            Assert.Equal(head.ContentLength, entry.Size);

            using GetObjectResponse part = await sdk.GetObjectAsync(new GetObjectRequest { BucketName = bucket, Key = theirs.Key, ByteRange = new ByteRange(2, entry.Size - 2) });
            using MemoryStream bytes = new();
            await part.ResponseStream.CopyToAsync(bytes);
            CollectingSink sink = new(entry.Size - 3);
            await ours.ReadAsync(new StoreObject(entry.Path, entry.Size, entry.Identity), 2, entry.Size - 3, sink, UnderStoreContract.Limit());
            Assert.Equal(bytes.ToArray(), sink.Data);
        }
    }

    [SkippableFact]
    public async Task Refusals_Agree()
    {
        RadosGateway gateway = fixture.Gateway;
        string bucket = gateway.NewBucket();
        await AssertRefused("SignatureDoesNotMatch", CacheError.Unauthenticated, gateway.AccessKey, "wrong", bucket);
        await AssertRefused("InvalidAccessKeyId", CacheError.Unauthenticated, "NOBODY", "wrong", bucket);
        await AssertRefused("NoSuchBucket", CacheError.NotFound, gateway.AccessKey, gateway.SecretKey, "no-such-bucket-at-all");

        async Task AssertRefused(string code, CacheError error, string key, string secret, string where)
        {
            using AmazonS3Client sdk = Sdk(gateway, secret, key);
            AmazonS3Exception theirs = await Assert.ThrowsAnyAsync<AmazonS3Exception>(() => sdk.ListObjectsV2Async(new ListObjectsV2Request { BucketName = where }));
            Assert.Equal(code, theirs.ErrorCode);
            using TestCredentials credentials = new(key, secret);
            await using IUnderStore ours = Open(gateway, where, credentials);
            Assert.Equal(error, (await Assert.ThrowsAsync<CacheException>(() => ours.CheckAsync(UnderStoreContract.Limit()))).Error);
        }
    }

    private static IUnderStore Open(RadosGateway gateway, string bucket, TestCredentials credentials) =>
        UnderStoreFactory.Open($"s3://{bucket}", new UnderStoreOptions { EndpointUrl = gateway.Endpoint.ToString(), Credentials = credentials.Reference }, TimeProvider.System, NullLoggerFactory.Instance);

    private static AmazonS3Client Sdk(RadosGateway gateway, string secret, string? key = null) => new(
        key ?? gateway.AccessKey,
        secret,
        new AmazonS3Config
        {
            ServiceURL = gateway.Endpoint.ToString(),
            ForcePathStyle = true,
            AuthenticationRegion = "us-east-1",
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            MaxErrorRetry = 0,
        });
}
