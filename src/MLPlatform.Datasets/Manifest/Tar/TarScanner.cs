using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace MLPlatform.Datasets;

/// <summary>
/// Finds the members of a tar in bytes that are handed to it, and says which it needs next: it skips payloads. Reads v7, ustar, GNU (long names) and pax (path, size,
/// mtime). As tar(1) does, it ends at the first block of zeros, or where the file ends between members. For one thread; it knows nothing of stores.
/// </summary>
/// <param name="size">Bytes of the tar.</param>
/// <param name="members">Takes what is found.</param>
internal sealed class TarScanner(long size, TarMembers members)
{
    public const int BlockBytes = 512;

    // No path comes near; a header that announces more is no header.
    private const int MaxExtensionBytes = 1 << 20;

    private const long Billion = 1_000_000_000;
    private const long MaxSeconds = long.MaxValue / Billion;

    private const int NameBytes = 100;
    private const int SizeAt = 124;
    private const int MtimeAt = 136;
    private const int NumberBytes = 12;
    private const int ChecksumAt = 148;
    private const int ChecksumBytes = 8;
    private const int TypeAt = 156;
    private const int MagicAt = 257;
    private const int PrefixAt = 345;
    private const int PrefixBytes = 155;

    // Old GNU sparse headers: more of the map follows in further blocks.
    private const int IsExtendedAt = 482;
    private const int MapIsExtendedAt = 504;

    private byte[] _block = new byte[BlockBytes];
    private int _want = BlockBytes;
    private int _have;
    private long _blockStart;
    private State _state = State.Header;
    private byte _extensionType;
    private long _extensionPadding;
    private long _pendingSize;

    // What extension headers say of the next member, and what a global one says of all.
    private Extensions _next;
    private Extensions _global;

    private enum State
    {
        Header,
        Extension,
        SparseMap,
    }

    /// <summary>The next byte that it needs.</summary>
    public long Next { get; private set; }

    /// <summary>Nothing more is needed.</summary>
    public bool AtEnd { get; private set; }

    /// <summary>Why this is no sound tar, and where; null while it is.</summary>
    public (long Offset, string What)? Problem { get; private set; }

    /// <summary>Bytes from one header to the next, the later ones counting more; 0 before the first.</summary>
    public long MeanStride { get; private set; }

    /// <summary>Takes bytes of the tar. Those before <see cref="Next"/> are skipped.</summary>
    /// <param name="offset">Where they stand, at most <see cref="Next"/>.</param>
    public void Feed(long offset, ReadOnlySpan<byte> bytes)
    {
        while (!AtEnd)
        {
            long skip = Next - offset;
            if (skip >= bytes.Length)
            {
                return;
            }

            bytes = bytes[(int)skip..];
            int take = Math.Min(bytes.Length, _want - _have);
            bytes[..take].CopyTo(_block.AsSpan(_have));
            _have += take;
            Next += take;
            bytes = bytes[take..];
            offset = Next;
            if (_have == _want)
            {
                TakeBlock(_block.AsSpan(0, _want));
            }
        }
    }

    /// <summary>Says that the tar has no more bytes. It may end between two members.</summary>
    public void Finish()
    {
        if (!AtEnd && (_state != State.Header || _have > 0 || _next.Any))
        {
            Fail(_blockStart, "the file ends in the middle of a header");
        }

        AtEnd = true;
    }

    private void TakeBlock(ReadOnlySpan<byte> block)
    {
        switch (_state)
        {
            case State.Header:
                TakeHeader(block);
                break;
            case State.Extension:
                TakeExtension(block);
                break;
            default:
                if (block[MapIsExtendedAt] != 0)
                {
                    Expect(State.SparseMap, BlockBytes, Next);
                }
                else
                {
                    Expect(State.Header, BlockBytes, Next + Padded(_pendingSize));
                }

                break;
        }
    }

    private void TakeHeader(ReadOnlySpan<byte> block)
    {
        if (block.IndexOfAnyExcept((byte)0) < 0)
        {
            AtEnd = true;
            return;
        }

        if (!HasRightChecksum(block))
        {
            Fail(_blockStart, _blockStart == 0 ? "it does not begin with a header" : "a header has a wrong checksum");
            return;
        }

        if (!TryNumber(block.Slice(SizeAt, NumberBytes), out long length) || length < 0)
        {
            Fail(_blockStart, "a header has no size");
            return;
        }

        byte type = block[TypeAt];
        if (type is (byte)'x' or (byte)'g' or (byte)'L' or (byte)'K')
        {
            if (length > MaxExtensionBytes || length > size - Next)
            {
                Fail(_blockStart, $"a header announces {length.ToString(CultureInfo.InvariantCulture)} bytes of names");
                return;
            }

            (_extensionType, _extensionPadding) = (type, Padded(length) - length);
            if (length > 0)
            {
                Expect(State.Extension, (int)length, Next);
            }
            else
            {
                Expect(State.Header, BlockBytes, Next);
            }

            return;
        }

        TakeMember(block, type, length);
    }

    private void TakeMember(ReadOnlySpan<byte> block, byte type, long length)
    {
        ReadOnlySpan<byte> magic = block.Slice(MagicAt, 6);
        ReadOnlySpan<byte> name = Text(block[..NameBytes]);
        byte[]? joined = null;
        if (magic.SequenceEqual("ustar\0"u8) && Text(block.Slice(PrefixAt, PrefixBytes)) is { IsEmpty: false } prefix)
        {
            joined = [.. prefix, (byte)'/', .. name];
        }

        Extensions said = _next.Over(_global);
        _next = default;
        name = said.Path ?? joined ?? name;
        length = said.Size ?? length;
        long mtime = said.MtimeNanoseconds ?? (TryNumber(block.Slice(MtimeAt, NumberBytes), out long seconds) && seconds is > -MaxSeconds and < MaxSeconds ? seconds * Billion : 0);
        bool isRegular = type is 0 or (byte)'0' or (byte)'7';
        bool isDirectory = type is (byte)'5' or (byte)'D' || (isRegular && name is [.., (byte)'/']);
        TarMemberKind kind = isDirectory ? TarMemberKind.Directory
            : type == 'S' || (isRegular && said.IsSparse) ? TarMemberKind.Sparse
            : isRegular ? TarMemberKind.File
            : TarMemberKind.NoFile;

        // Links, devices, directories and pipes have no bytes, whatever stands in their size.
        long payload = type is >= (byte)'1' and <= (byte)'6' ? 0 : length;
        if (payload > size - Next)
        {
            Fail(_blockStart, $"a member of {length.ToString(CultureInfo.InvariantCulture)} bytes reaches beyond the end of the file");
            return;
        }

        name = Trim(name);
        bool isVolumeLabel = type == 'V';
        if (!name.IsEmpty && !isVolumeLabel)
        {
            members.Add(new TarMember(kind, Next, kind == TarMemberKind.File ? payload : 0, mtime), name);
        }

        long stride = BlockBytes + Padded(payload);
        MeanStride = MeanStride == 0 ? stride : ((MeanStride * 7) + stride) / 8;
        if (type == 'S' && block[IsExtendedAt] != 0)
        {
            _pendingSize = payload;
            Expect(State.SparseMap, BlockBytes, Next);
        }
        else
        {
            Expect(State.Header, BlockBytes, Next + Padded(payload));
        }
    }

    private void TakeExtension(ReadOnlySpan<byte> content)
    {
        switch (_extensionType)
        {
            case (byte)'L':
                _next.Any = true;
                _next.Path = Text(content).ToArray();
                break;
            case (byte)'x':
                _next.Any = true;
                ReadRecords(content, ref _next);
                break;
            case (byte)'g':
                ReadRecords(content, ref _global);
                break;
            default:
                break; // The target of a link, which is left out.
        }

        if (!AtEnd)
        {
            Expect(State.Header, BlockBytes, Next + _extensionPadding);
        }
    }

    /// <summary>Records <c>LENGTH KEY=VALUE\n</c>, the length counting itself.</summary>
    private void ReadRecords(ReadOnlySpan<byte> content, ref Extensions into)
    {
        while (!content.IsEmpty && content[0] != 0)
        {
            if (!Utf8Parser.TryParse(content, out int length, out int digits) || length <= digits + 1 || length > content.Length || content[digits] != ' ' || content[length - 1] != '\n')
            {
                Fail(_blockStart, "an extended header is damaged");
                return;
            }

            ReadOnlySpan<byte> record = content[(digits + 1)..(length - 1)];
            content = content[length..];
            int equals = record.IndexOf((byte)'=');
            if (equals <= 0)
            {
                Fail(_blockStart, "an extended header is damaged");
                return;
            }

            ReadOnlySpan<byte> key = record[..equals];
            ReadOnlySpan<byte> value = record[(equals + 1)..];
            if (key.SequenceEqual("path"u8))
            {
                into.Path = value.IsEmpty ? null : value.ToArray();
            }
            else if (key.SequenceEqual("size"u8))
            {
                if (!Utf8Parser.TryParse(value, out long bytes, out int used) || used != value.Length || bytes < 0)
                {
                    Fail(_blockStart, "an extended header has no right size");
                    return;
                }

                into.Size = bytes;
            }
            else if (key.SequenceEqual("mtime"u8))
            {
                into.MtimeNanoseconds = Time(value);
            }
            else if (key.StartsWith("GNU.sparse."u8))
            {
                into.IsSparse = true;
                into.Path = key.SequenceEqual("GNU.sparse.name"u8) ? value.ToArray() : into.Path;
            }
        }
    }

    private void Expect(State state, int bytes, long at)
    {
        (_state, _want, _have) = (state, bytes, 0);
        Next = _blockStart = at;
        if (_block.Length < bytes)
        {
            _block = new byte[bytes];
        }
    }

    private void Fail(long offset, string what)
    {
        Problem ??= (offset, what);
        AtEnd = true;
    }

    private static long Padded(long bytes) => bytes > long.MaxValue - BlockBytes ? bytes : (bytes + BlockBytes - 1) & ~(BlockBytes - 1L);

    private static ReadOnlySpan<byte> Text(ReadOnlySpan<byte> field) => field.IndexOf((byte)0) is var end and >= 0 ? field[..end] : field;

    /// <summary>As tar(1) unpacks: below the working directory, whatever the name begins with.</summary>
    private static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> name)
    {
        while (name.StartsWith("./"u8) || name is [(byte)'/', ..])
        {
            name = name[0] == '/' ? name[1..] : name[2..];
        }

        name = name.TrimEnd((byte)'/');
        return name is [(byte)'.'] ? [] : name;
    }

    /// <summary>The sum of all bytes, those of the checksum itself counting as spaces; some old programs took bytes for signed.</summary>
    private static bool HasRightChecksum(ReadOnlySpan<byte> block)
    {
        long plain = 0;
        long signed = 0;
        for (int i = 0; i < block.Length; i++)
        {
            byte value = i is >= ChecksumAt and < ChecksumAt + ChecksumBytes ? (byte)' ' : block[i];
            plain += value;
            signed += (sbyte)value;
        }

        return TryNumber(block.Slice(ChecksumAt, ChecksumBytes), out long sum) && (sum == plain || sum == signed);
    }

    /// <summary>Octal digits between spaces and NULs, or binary where the first bit is set.</summary>
    private static bool TryNumber(ReadOnlySpan<byte> field, out long number)
    {
        number = 0;
        if (field[0] is 0x80 or 0xFF)
        {
            ReadOnlySpan<byte> low = field[^sizeof(long)..];
            number = System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(low);
            return field[1..^sizeof(long)].IndexOfAnyExcept(field[0] == 0xFF ? (byte)0xFF : (byte)0) < 0;
        }

        field = field.Trim(" \0"u8);
        foreach (byte digit in field)
        {
            if (digit is < (byte)'0' or > (byte)'7')
            {
                return false;
            }

            number = (number << 3) + (digit - '0');
        }

        return true;
    }

    private static long? Time(ReadOnlySpan<byte> value)
    {
        return decimal.TryParse(Encoding.ASCII.GetString(value), NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal seconds) && Math.Abs(seconds) < MaxSeconds
            ? (long)(seconds * Billion)
            : null;
    }

    /// <summary>What extended headers say.</summary>
    private struct Extensions
    {
        public byte[]? Path;
        public long? Size;
        public long? MtimeNanoseconds;
        public bool IsSparse;
        public bool Any;

        public readonly Extensions Over(in Extensions global) => new()
        {
            Path = Path ?? global.Path,
            Size = Size ?? global.Size,
            MtimeNanoseconds = MtimeNanoseconds ?? global.MtimeNanoseconds,
            IsSparse = IsSparse || global.IsSparse,
        };
    }
}
