namespace MLPlatform.Datasets;

/// <summary>What a journal says has become safe: one run, and how the open units changed meanwhile.</summary>
/// <param name="Run">Number of the run that holds what was found; −1 when that was nothing.</param>
internal sealed record ListCheckpoint(int Run, long Files, long Directories, long Bytes, long Skipped, long NextUnit, IReadOnlyCollection<long> Closed, IReadOnlyCollection<OpenUnit> Opened)
{
    public static ListCheckpoint Read(BinaryReader reader)
    {
        int run = reader.ReadInt32();
        long files = reader.ReadInt64();
        long directories = reader.ReadInt64();
        long bytes = reader.ReadInt64();
        long skipped = reader.ReadInt64();
        long nextUnit = reader.ReadInt64();
        long[] closed = new long[reader.ReadInt32()];
        for (int i = 0; i < closed.Length; i++)
        {
            closed[i] = reader.ReadInt64();
        }

        var opened = new OpenUnit[reader.ReadInt32()];
        for (int i = 0; i < opened.Length; i++)
        {
            opened[i] = OpenUnit.Read(reader);
        }

        return new ListCheckpoint(run, files, directories, bytes, skipped, nextUnit, closed, opened);
    }

    public void Write(BinaryWriter writer)
    {
        writer.Write(Run);
        writer.Write(Files);
        writer.Write(Directories);
        writer.Write(Bytes);
        writer.Write(Skipped);
        writer.Write(NextUnit);
        writer.Write(Closed.Count);
        foreach (long id in Closed)
        {
            writer.Write(id);
        }

        writer.Write(Opened.Count);
        foreach (OpenUnit unit in Opened)
        {
            unit.Write(writer);
        }
    }
}
