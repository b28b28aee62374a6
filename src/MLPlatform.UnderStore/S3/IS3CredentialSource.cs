namespace MLPlatform.UnderStore.S3;

/// <summary>Where a store's keys come from. Any thread may call it.</summary>
internal interface IS3CredentialSource
{
    /// <summary>Present credentials, fresh enough to sign with; null sends requests unsigned.</summary>
    /// <exception cref="Core.CacheException"><c>Unauthenticated</c>: there are none, and the message says how to give some; <c>Unreachable</c>: whoever gives them does not answer.</exception>
    ValueTask<S3Credentials?> GetAsync(CancellationToken cancellationToken);

    /// <summary>The store refused <paramref name="refused"/> as expired or unknown; the next <see cref="GetAsync"/> asks anew.</summary>
    void Refused(S3Credentials? refused);
}
