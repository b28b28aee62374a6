namespace MLPlatform.CacheWorker;

/// <summary>
/// Where the files of one mount lie, by inode number: a hit needs no hash. Inode numbers count up from 1, so this is an array in pieces that come into being as
/// numbers are seen: 12 bytes per file of the directories in use. Any thread may call it; entries are hints, checked where they lead to.
/// </summary>
internal sealed class PlaceTable
{
    public const ulong Unknown = 0;

    /// <summary>Looked for, and not here.</summary>
    public const ulong Absent = 1UL << 63;

    /// <summary>A large file; the other bits are its number in the mount's list.</summary>
    public const ulong LargeTag = 1UL << 62;

    private const int PieceShift = 12;
    private const int PieceLength = 1 << PieceShift;

    // 2^32 inode numbers; a mount with more keeps asking by hash.
    private const int MaxPieces = 1 << 20;

    private readonly Lock _lock = new();
    private Piece?[] _pieces = new Piece[16];

    /// <param name="fileBytes">Of a small file that has a place.</param>
    public ulong Get(ulong inode, out int fileBytes)
    {
        Piece?[] pieces = Volatile.Read(ref _pieces);
        ulong index = inode >> PieceShift;
        if (index < (ulong)pieces.Length && pieces[index] is { } piece)
        {
            int at = (int)(inode & (PieceLength - 1));
            ulong place = Volatile.Read(ref piece.Places[at]);
            fileBytes = piece.FileBytes[at];
            return place;
        }

        fileBytes = 0;
        return Unknown;
    }

    /// <param name="fileBytes">The same at each call: an inode number stands for one version of one file.</param>
    public void Set(ulong inode, ulong place, int fileBytes)
    {
        ulong index = inode >> PieceShift;
        if (index >= MaxPieces)
        {
            return;
        }

        Piece?[] pieces = Volatile.Read(ref _pieces);
        Piece piece = (index < (ulong)pieces.Length ? pieces[index] : null) ?? Grow((int)index);
        int at = (int)(inode & (PieceLength - 1));
        piece.FileBytes[at] = fileBytes;
        Volatile.Write(ref piece.Places[at], place);
    }

    private Piece Grow(int index)
    {
        lock (_lock)
        {
            if (index >= _pieces.Length)
            {
                Piece?[] longer = new Piece[Math.Min(MaxPieces, Math.Max(index + 1, _pieces.Length * 2))];
                _pieces.CopyTo(longer, 0);
                Volatile.Write(ref _pieces, longer);
            }

            return _pieces[index] ??= new Piece();
        }
    }

    private sealed class Piece
    {
        public ulong[] Places { get; } = new ulong[PieceLength];

        public int[] FileBytes { get; } = new int[PieceLength];
    }
}
