namespace MLPlatform.Lab;

/// <summary>The order in which S3 lists keys: that of their UTF-8 bytes. UTF-16 order differs from it above U+FFFF.</summary>
public sealed class KeyOrder : IComparer<string>
{
    private KeyOrder()
    {
    }

    public static KeyOrder Instance { get; } = new();

    public int Compare(string? x, string? y)
    {
        ReadOnlySpan<char> left = x;
        ReadOnlySpan<char> right = y;
        int same = left.CommonPrefixLength(right);
        if (same == left.Length || same == right.Length)
        {
            return left.Length - right.Length;
        }

        char a = left[same];
        char b = right[same];

        // Surrogates stand for code points above all others, although their values lie below U+E000.
        return char.IsSurrogate(a) == char.IsSurrogate(b) ? a - b : char.IsSurrogate(a) ? 1 : -1;
    }
}
