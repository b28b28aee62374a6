using System.Buffers.Binary;

namespace MLPlatform.Datasets;

/// <summary>Takes numbers and strings, each behind its 32-bit length, off a section of a manifest.</summary>
internal ref struct BlobReader(ReadOnlySpan<byte> blob, ManifestPages pages)
{
    private ReadOnlySpan<byte> _rest = blob;

    public ReadOnlySpan<byte> Bytes()
    {
        int length = Number();
        if ((uint)length > (uint)_rest.Length)
        {
            throw pages.Damaged("a string ends outside its section");
        }

        ReadOnlySpan<byte> bytes = _rest[..length];
        _rest = _rest[length..];
        return bytes;
    }

    /// <summary>How many items follow, each of at least four bytes.</summary>
    public int Count()
    {
        int count = Number();
        return (uint)count <= (uint)_rest.Length / sizeof(int) ? count : throw pages.Damaged("a list ends outside its section");
    }

    private int Number()
    {
        if (_rest.Length < sizeof(int))
        {
            throw pages.Damaged("a number ends outside its section");
        }

        int number = BinaryPrimitives.ReadInt32LittleEndian(_rest);
        _rest = _rest[sizeof(int)..];
        return number;
    }
}
