using FASTER.core;

namespace MLPlatform.Tiers.Index;

/// <summary>FASTER takes the bucket from the low bits of a hash and the tag within it from the high ones, so all 64 must be good, whatever keys a test makes up.</summary>
internal sealed class FileKeyComparer : IFasterEqualityComparer<FileKey>
{
    public bool Equals(ref FileKey k1, ref FileKey k2) => k1.High == k2.High && k1.Low == k2.Low;

    public long GetHashCode64(ref FileKey k) => (long)Hash(k);

    /// <summary>The finalizer of MurmurHash3.</summary>
    public static ulong Hash(in FileKey key)
    {
        ulong hash = key.Low ^ ulong.RotateLeft(key.High, 32);
        hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
        hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
        return hash ^ (hash >> 33);
    }
}
