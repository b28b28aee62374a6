using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>A piece of a listing that is not finished.</summary>
/// <param name="Id">Counts up from 1 within one listing.</param>
/// <param name="Mount">Whose store it belongs to.</param>
internal sealed record OpenUnit(long Id, int Mount, ListUnit Unit)
{
    public static OpenUnit Read(BinaryReader reader)
    {
        long id = reader.ReadInt64();
        int mount = reader.ReadInt32();
        byte[] prefix = reader.ReadBytes(reader.ReadInt32());
        byte[]? after = ReadOptional(reader);
        return new OpenUnit(id, mount, new ListUnit(prefix, after, ReadOptional(reader)));
    }

    public void Write(BinaryWriter writer)
    {
        writer.Write(Id);
        writer.Write(Mount);
        writer.Write(Unit.Prefix.Length);
        writer.Write(Unit.Prefix);
        WriteOptional(writer, Unit.After);
        WriteOptional(writer, Unit.Before);
    }

    private static byte[]? ReadOptional(BinaryReader reader)
    {
        int length = reader.ReadInt32();
        return length < 0 ? null : reader.ReadBytes(length);
    }

    private static void WriteOptional(BinaryWriter writer, byte[]? bytes)
    {
        writer.Write(bytes?.Length ?? -1);
        writer.Write(bytes ?? []);
    }
}
