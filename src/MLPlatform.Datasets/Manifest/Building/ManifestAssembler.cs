using System.Buffers.Binary;
using System.Text;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>Packs the temporary columns of a <see cref="RowPass"/> into a manifest file. For one thread.</summary>
internal sealed class ManifestAssembler
{
    private const int Alignment = 8;

    private readonly RowPass _rows;
    private readonly ManifestBuilderOptions _options;
    private readonly List<(ManifestSection Section, Action<ManifestOutput> Write)> _sections = [];
    private long _length;

    public ManifestAssembler(RowPass rows, ManifestBuilderOptions options)
    {
        _rows = rows;
        _options = options;
    }

    /// <summary>Writes the file, waits until the disk has it, and gives it its name.</summary>
    /// <returns>The version, which is also the file's name.</returns>
    public DatasetVersionId Write(string directory, CancellationToken cancellationToken)
    {
        using TempColumn? inodeOrder = _rows.InodesDiffer ? new TempColumn(Path.Combine(_options.WorkDirectory, "column-inode-order")) : null;
        Plan(inodeOrder, cancellationToken);

        // Beside its final place, so that the renaming is atomic; the process id keeps two builders apart.
        string temporary = Path.Combine(directory, $"tmp-{Environment.ProcessId}-{Guid.NewGuid():N}");
        try
        {
            DatasetVersionId digest;
            using (SafeFileHandle file = File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                digest = WriteTo(file, cancellationToken);
                RandomAccess.FlushToDisk(file);
            }

            File.Move(temporary, Path.Combine(directory, ManifestFormat.FileNameOf(digest)), overwrite: true);
            DurableDirectory.Flush(directory);
            return digest;
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    private DatasetVersionId WriteTo(SafeFileHandle file, CancellationToken cancellationToken)
    {
        var output = new ManifestOutput(file, _length + ManifestFormat.TailBytes);
        var table = new List<ManifestSection>(_sections.Count);
        Span<byte> padding = stackalloc byte[Alignment];
        padding.Clear();
        foreach ((ManifestSection section, Action<ManifestOutput> write) in _sections)
        {
            cancellationToken.ThrowIfCancellationRequested();
            output.Write(padding[..(int)((output.DataOffset + section.Offset) - output.Position)]);
            write(output);
            Invariant.That(output.Position == output.DataOffset + section.Offset + section.Length);
            table.Add(section with { Offset = output.DataOffset + section.Offset });
        }

        output.Write(padding[..(int)(output.DataOffset + _length - output.Position)]);
        output.Write(padding[..ManifestFormat.TailBytes]);
        var header = new ManifestHeader
        {
            FileLength = output.Position,
            DataOffset = output.DataOffset,
            PageCount = output.PageCount,
            PageListHash = output.Finish(),
            Rows = _rows.Rows,
            Files = _rows.Files,
            Directories = _rows.DirectoryRow.Count,
            Links = _rows.Links,
            Bytes = _rows.Bytes,
            SmallFiles = _rows.SmallFiles,
            Skipped = _rows.Skipped,
            SkippedListed = _rows.SkippedListed,
            NextInode = _rows.NextInode,
            Sections = table,
        };
        byte[] bytes = new byte[ManifestFormat.HeaderBytes];
        DatasetVersionId digest = header.Write(bytes);
        RandomAccess.Write(file, bytes, 0);
        return digest;
    }

    /// <summary>Small and often used sections first: they share the pages that every lookup touches.</summary>
    private void Plan(TempColumn? inodeOrder, CancellationToken cancellationToken)
    {
        byte[] info = Info();
        AddBytes(SectionType.Info, info, 0, 0);
        AddBytes(SectionType.Classes, Classes(), ManifestFormat.ClassBytes, _rows.Classes.Count);
        AddColumn(SectionType.DirectoryRow, _rows.DirectoryRow);
        AddColumn(SectionType.DirectoryFirstChild, _rows.DirectoryFirstChild);
        AddColumn(SectionType.DirectorySubdirectories, _rows.DirectorySubdirectories);
        AddColumn(SectionType.DirectoryFiles, _rows.DirectoryFiles);
        AddColumn(SectionType.DirectoryBytes, _rows.DirectoryBytes);
        AddColumn(SectionType.DirectoryDirectories, _rows.DirectoryDirectories);
        AddColumn(SectionType.NameGroups, _rows.NameGroups);
        AddBlob(SectionType.Names, _rows.Names, 0, 0);
        AddColumn(SectionType.RowClass, _rows.Class);
        AddColumn(SectionType.RowSize, _rows.Size);
        AddColumn(SectionType.RowMtime, _rows.Mtime, findUnit: true);
        if (inodeOrder is not null)
        {
            using var order = new InodeOrder(_options.WorkDirectory);
            order.Sort(_rows.Inode, inodeOrder, cancellationToken);
            AddColumn(SectionType.RowInode, _rows.Inode);
            AddColumn(SectionType.InodeOrder, inodeOrder);
        }

        if (_rows.HasIdentities)
        {
            AddBlob(SectionType.RowIdentity, _rows.Identity, 16, _rows.Rows);
            AddColumn(SectionType.RowETagParts, _rows.ETagParts);
        }

        if (_rows.HasShards)
        {
            AddColumn(SectionType.RowOffset, _rows.Offset, findUnit: true);
            AddColumn(SectionType.DirectoryObjectSize, _rows.DirectoryObjectSize);
        }

        AddBlob(SectionType.Texts, _rows.Texts, 0, 0);
        AddBlob(SectionType.Skipped, _rows.SkippedList, 0, 0);
        Invariant.That(_sections.Count <= ManifestFormat.MaxSections);
    }

    private void Add(SectionType type, int width, long length, long count, ulong firstValue, ulong unit, Action<ManifestOutput> write)
    {
        _length = (_length + Alignment - 1) & ~(Alignment - 1L);
        _sections.Add((new ManifestSection(type, width, _length, length, count, firstValue, unit), write));
        _length = (_length + length + Alignment - 1) & ~(Alignment - 1L);
    }

    private void AddBytes(SectionType type, byte[] bytes, int width, long count) =>
        Add(type, width, bytes.Length, count, 0, 0, output => output.Write(bytes));

    private void AddBlob(SectionType type, TempBlob blob, int width, long count) =>
        Add(type, width, blob.Length, count, 0, 0, output => blob.ForEach(output.Write));

    private void AddColumn(SectionType type, TempColumn column, bool findUnit = false)
    {
        ColumnPlan plan = column.Plan(findUnit);
        Add(type, plan.Width, plan.Length, plan.Count, plan.Base, plan.Unit, output =>
        {
            if (plan.Width > 0)
            {
                column.ForEach(values => Pack(values, plan, output));
            }
        });
    }

    private static void Pack(ReadOnlySpan<long> values, ColumnPlan plan, ManifestOutput output)
    {
        const int Part = 512;
        Span<byte> packed = stackalloc byte[(Part + 1) * sizeof(ulong)];
        while (!values.IsEmpty)
        {
            ReadOnlySpan<long> part = values[..Math.Min(Part, values.Length)];
            for (int i = 0; i < part.Length; i++)
            {
                // Eight bytes each; the next element overwrites what is too much.
                ulong stored = unchecked((ulong)part[i] - plan.Base);
                BinaryPrimitives.WriteUInt64LittleEndian(packed[(i * plan.Width)..], plan.Unit == 1 ? stored : stored / plan.Unit);
            }

            output.Write(packed[..(part.Length * plan.Width)]);
            values = values[part.Length..];
        }
    }

    private byte[] Classes()
    {
        byte[] bytes = new byte[_rows.Classes.Count * ManifestFormat.ClassBytes];
        int offset = 0;
        foreach (ManifestClass rowClass in _rows.Classes)
        {
            rowClass.Write(bytes.AsSpan(offset, ManifestFormat.ClassBytes));
            offset += ManifestFormat.ClassBytes;
        }

        return bytes;
    }

    private byte[] Info()
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes);
        WriteText(_options.DatasetName);
        writer.Write(_options.Mounts.Count);
        foreach (ManifestMount mount in _options.Mounts)
        {
            WriteText(mount.Path);
            WriteText(mount.Uri);
        }

        writer.Flush();
        return bytes.ToArray();

        void WriteText(string text)
        {
            byte[] utf8 = Encoding.UTF8.GetBytes(text);
            writer.Write(utf8.Length);
            writer.Write(utf8);
        }
    }
}
