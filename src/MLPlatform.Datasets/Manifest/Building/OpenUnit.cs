using MLPlatform.Core;
using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>A piece of a listing that is not finished.</summary>
/// <param name="Id">Counts up from 1 within one listing.</param>
/// <param name="Mount">Whose store it belongs to.</param>
/// <param name="Unit">What is to be listed; nothing where <paramref name="Shard"/> is to be read.</param>
/// <param name="Shard">A tar whose members are to be found, as its store listed it.</param>
/// <param name="HasBegun">Some of its members may have been added already.</param>
internal sealed record OpenUnit(long Id, int Mount, ListUnit Unit, StoreEntry? Shard = null, bool HasBegun = false)
{
    public static OpenUnit Read(BinaryReader reader)
    {
        long id = reader.ReadInt64();
        int mount = reader.ReadInt32();
        byte[] prefix = reader.ReadBytes(reader.ReadInt32());
        byte[]? after = ReadOptional(reader);
        ListUnit unit = new(prefix, after, ReadOptional(reader));
        bool hasBegun = reader.ReadBoolean();
        return new OpenUnit(id, mount, unit, reader.ReadBoolean() ? ReadShard(reader) : null, hasBegun);
    }

    public void Write(BinaryWriter writer)
    {
        writer.Write(Id);
        writer.Write(Mount);
        writer.Write(Unit.Prefix.Length);
        writer.Write(Unit.Prefix);
        WriteOptional(writer, Unit.After);
        WriteOptional(writer, Unit.Before);
        writer.Write(HasBegun);
        writer.Write(Shard is not null);
        if (Shard is not null)
        {
            WriteShard(writer, Shard);
        }
    }

    private static StoreEntry ReadShard(BinaryReader reader)
    {
        byte[] path = reader.ReadBytes(reader.ReadInt32());
        long size = reader.ReadInt64();
        long mtime = reader.ReadInt64();
        int mode = reader.ReadInt32();
        long uid = reader.ReadInt64();
        long gid = reader.ReadInt64();
        var kind = (IdentityKind)reader.ReadByte();
        var value = new UInt128(reader.ReadUInt64(), reader.ReadUInt64());
        return new StoreEntry
        {
            Path = path,
            Kind = StoreEntryKind.File,
            Size = size,
            MtimeNanoseconds = mtime,
            Mode = mode < 0 ? null : (ushort)mode,
            Uid = uid < 0 ? null : (uint)uid,
            Gid = gid < 0 ? null : (uint)gid,
            Identity = ObjectIdentity.FromParts(kind, value, reader.ReadBoolean() ? reader.ReadString() : null),
        };
    }

    private static void WriteShard(BinaryWriter writer, StoreEntry shard)
    {
        writer.Write(shard.Path.Length);
        writer.Write(shard.Path);
        writer.Write(shard.Size);
        writer.Write(shard.MtimeNanoseconds);
        writer.Write(shard.Mode ?? -1);
        writer.Write(shard.Uid ?? -1L);
        writer.Write(shard.Gid ?? -1L);
        writer.Write((byte)shard.Identity.Kind);
        writer.Write((ulong)(shard.Identity.Value >> 64));
        writer.Write((ulong)shard.Identity.Value);
        writer.Write(shard.Identity.Text is not null);
        if (shard.Identity.Text is { } text)
        {
            writer.Write(text);
        }
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
