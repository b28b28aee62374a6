using System.Formats.Tar;
using System.Text;
using MLPlatform.Datasets;
using Xunit;

namespace MLPlatform.Tests.Manifests;

/// <summary>What is found in tars of every kind, whole, in pieces, damaged and cut short.</summary>
public sealed class TarScannerTests
{
    private static readonly long s_time = (Tars.Time.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * 100;

    [Theory]
    [InlineData(TarEntryFormat.V7)]
    [InlineData(TarEntryFormat.Ustar)]
    [InlineData(TarEntryFormat.Gnu)]
    [InlineData(TarEntryFormat.Pax)]
    public void Scan_OfEachFormat_FindsEveryMembersBytes(TarEntryFormat format)
    {
        (string Name, byte[] Content)[] files =
        [
            .. Enumerable.Range(0, 40).Select(i => ($"d{i % 3}/{i:d6}.jpg", Tars.Content(i, i * 97))),
            .. format == TarEntryFormat.V7 ? [] : new[] { ("long/" + new string('n', 90) + "/" + new string('m', 60), Tars.Content(99, 1000)) },
            .. format is TarEntryFormat.Gnu or TarEntryFormat.Pax ? new[] { ($"ü/{string.Concat(Enumerable.Repeat("very/", 60))}long", Tars.Content(100, 513)) } : [],
        ];
        byte[] tar = Tars.Of(format, files);
        foreach (int piece in (int[])[1, 511, 700, 4096, tar.Length])
        {
            (TarScanner scanner, TarMembers members) = Scan(tar, piece);
            Assert.Null(scanner.Problem);
            Assert.Equal(files.Select(static f => f.Name), Names(members));
            for (int i = 0; i < files.Length; i++)
            {
                TarMember member = members[i];
                Assert.Equal((TarMemberKind.File, files[i].Content.Length, s_time), (member.Kind, member.Size, member.MtimeNanoseconds));
                Assert.Equal(files[i].Content, tar.AsSpan((int)member.Offset, (int)member.Size).ToArray());
            }
        }
    }

    [Fact]
    public void Scan_OfPaddedPayloads_AsksForHeadersOnly()
    {
        byte[] tar = Tars.Of(TarEntryFormat.Ustar, [("a", new byte[100_000]), ("b", new byte[50_000])]);
        TarMembers members = new();
        TarScanner scanner = new(tar.Length, members);
        List<long> asked = [];
        while (!scanner.AtEnd)
        {
            asked.Add(scanner.Next);
            scanner.Feed(scanner.Next, tar.AsSpan((int)scanner.Next, 512));
        }

        Assert.Equal([0, 512 + 100_352, 512 + 100_352 + 512 + 50_176], asked);
        Assert.InRange(scanner.MeanStride, 90_000, 101_000);
    }

    [Fact]
    public void Scan_OfEverythingElse_TellsWhatItIs()
    {
        using MemoryStream stream = new();
        using (TarWriter writer = new(stream, TarEntryFormat.Pax, leaveOpen: true))
        {
            writer.WriteEntry(new PaxGlobalExtendedAttributesTarEntry(new Dictionary<string, string> { ["comment"] = "0123" }));
            writer.WriteEntry(Tars.Entry(TarEntryFormat.Pax, TarEntryType.Directory, "./"));
            writer.WriteEntry(Tars.Entry(TarEntryFormat.Pax, TarEntryType.Directory, "dir/"));
            writer.WriteEntry(Tars.Entry(TarEntryFormat.Pax, TarEntryType.SymbolicLink, "dir/soft"));
            writer.WriteEntry(Tars.Entry(TarEntryFormat.Pax, TarEntryType.HardLink, "dir/hard"));
            writer.WriteEntry(Tars.Entry(TarEntryFormat.Pax, TarEntryType.Fifo, "dir/pipe"));
            writer.WriteEntry(Tars.Entry(TarEntryFormat.Pax, TarEntryType.CharacterDevice, "dir/device"));
            writer.WriteEntry(Tars.File(TarEntryFormat.Pax, "/./dir/file", [1, 2, 3]));
        }

        (TarScanner scanner, TarMembers members) = Scan(stream.ToArray(), 1000);
        Assert.Null(scanner.Problem);
        Assert.Equal(["dir", "dir/soft", "dir/hard", "dir/pipe", "dir/device", "dir/file"], Names(members));
        Assert.Equal(
            [TarMemberKind.Directory, TarMemberKind.NoFile, TarMemberKind.NoFile, TarMemberKind.NoFile, TarMemberKind.NoFile, TarMemberKind.File],
            Enumerable.Range(0, members.Count).Select(i => members[i].Kind));
    }

    [Fact]
    public void Scan_OfSparseMembers_SkipsTheirMapsAndBytes()
    {
        byte[] pax = Encoding.UTF8.GetBytes("22 GNU.sparse.major=1\n34 GNU.sparse.name=dir/real-names\n");
        byte[] tar =
        [
            // Old GNU: the header says that more of the map follows, twice.
            .. Tars.Header("old", 1000, 'S', "ustar  ", static h => h[482] = 1),
            .. Map(1), .. Map(0), .. Tars.Padded(new byte[1000]),
            .. Tars.Header("PaxHeader", pax.Length, 'x'), .. Tars.Padded(pax),
            .. Tars.Header("GNUSparseFile.1/real", 600, '0'), .. Tars.Padded(new byte[600]),
            .. Tars.Header("after", 3, '0'), .. Tars.Padded([7, 8, 9]),
            .. new byte[1024],
        ];
        (TarScanner scanner, TarMembers members) = Scan(tar, 700);
        Assert.Null(scanner.Problem);
        Assert.Equal(["old", "dir/real-names", "after"], Names(members));
        Assert.Equal([TarMemberKind.Sparse, TarMemberKind.Sparse, TarMemberKind.File], Enumerable.Range(0, 3).Select(i => members[i].Kind));
        Assert.Equal(7, tar[members[2].Offset]);

        static byte[] Map(byte more)
        {
            byte[] map = new byte[512];
            map[504] = more;
            return map;
        }
    }

    [Fact]
    public void Scan_OfSizesBeyondOctal_TakesBinaryAndPax()
    {
        const long Large = 20L << 30;
        byte[] header = Tars.Header("large", 0, '0', "ustar  ", static h =>
        {
            h.AsSpan(124, 12).Clear();
            h[124] = 0x80;
            System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(h.AsSpan(128), Large);
        });
        TarMembers members = new();
        TarScanner scanner = new(512 + Large + 1024, members);
        scanner.Feed(0, header);
        Assert.Equal((512 + Large, Large), (scanner.Next, members[0].Size));

        byte[] pax = "20 size=21474836480\n"u8.ToArray();
        members.Clear();
        scanner = new TarScanner(1536 + Large, members);
        scanner.Feed(0, [.. Tars.Header("x", pax.Length, 'x'), .. Tars.Padded(pax), .. Tars.Header("large", 0, '0')]);
        Assert.Equal((1536 + Large, Large, 1536), (scanner.Next, members[0].Size, members[0].Offset));
    }

    [Theory]
    [InlineData(0, 0, "")]
    [InlineData(512, 0, "")]
    [InlineData(1024, 1, "")]
    [InlineData(1536, 2, "")]
    [InlineData(300, 0, "0: the file ends in the middle of a header")]
    [InlineData(1100, 1, "1024: the file ends in the middle of a header")]
    [InlineData(700, 0, "0: a member of 300 bytes reaches beyond the end of the file")]
    public void Scan_OfAFileCutShort_EndsBetweenMembersOnly(int length, int count, string problem)
    {
        // Two members in 1536 bytes; the last has no payload. The first block alone is a header whose payload is missing, unless it is zeros.
        byte[] tar = [.. Tars.Header("a", 300, '0'), .. Tars.Padded(new byte[300]), .. Tars.Header("b", 0, '0'), .. new byte[1024]];
        byte[] cut = length == 512 ? new byte[512] : tar[..length];
        (TarScanner scanner, TarMembers members) = Scan(cut, 100);
        Assert.Equal(problem, scanner.Problem is { } p ? $"{p.Offset}: {p.What}" : "");
        Assert.Equal(problem.Length > 0 ? members.Count : count, members.Count);
    }

    [Fact]
    public void Scan_OfDamagedHeaders_SaysWhere()
    {
        byte[] tar = Tars.Of(TarEntryFormat.Pax, [("a", new byte[1000]), (new string('b', 200), new byte[10]), ("c", new byte[10])]);
        Random random = new(4711);
        for (int i = 0; i < 2000; i++)
        {
            byte[] damaged = (byte[])tar.Clone();
            for (int flips = random.Next(1, 4); flips > 0; flips--)
            {
                damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
            }

            (TarScanner scanner, TarMembers members) = Scan(damaged, 1 + random.Next(2000));
            for (int m = 0; m < members.Count; m++)
            {
                Assert.InRange(members[m].Offset + members[m].Size, 0, damaged.Length);
            }

            Assert.True(scanner.Problem is null || scanner.Problem.Value.Offset <= damaged.Length);
        }

        Assert.Equal((0L, "it does not begin with a header"), Scan([.. "#!/bin/sh\n"u8, .. new byte[1024]], 512).Scanner.Problem);
        byte[] second = [.. Tars.Header("a", 0, '0'), .. Tars.Header("b", 0, '0'), .. new byte[1024]];
        second[512] ^= 1;
        Assert.Equal((512L, "a header has a wrong checksum"), Scan(second, 512).Scanner.Problem);
    }

    private static (TarScanner Scanner, TarMembers Members) Scan(byte[] tar, int piece)
    {
        TarMembers members = new();
        TarScanner scanner = new(tar.Length, members);
        while (!scanner.AtEnd)
        {
            if (scanner.Next >= tar.Length)
            {
                scanner.Finish();
                break;
            }

            int start = (int)scanner.Next;
            scanner.Feed(start, tar.AsSpan(start, Math.Min(piece, tar.Length - start)));
        }

        return (scanner, members);
    }

    private static IEnumerable<string> Names(TarMembers members) => Enumerable.Range(0, members.Count).Select(i => Encoding.UTF8.GetString(members.NameOf(i)));
}
