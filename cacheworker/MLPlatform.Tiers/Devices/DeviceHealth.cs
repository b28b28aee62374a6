namespace MLPlatform.Tiers.Devices;

/// <summary>What a device is good for now.</summary>
internal enum DeviceHealth
{
    Healthy,

    /// <summary>No space: it is read, not written, until there is space again.</summary>
    Full,

    /// <summary>It failed: neither read nor written until a probe of it succeeds.</summary>
    Failed,
}
