using System.Buffers;
using System.Text;

namespace MLPlatform.Datasets;

/// <summary>One step of a pattern within a component.</summary>
/// <param name="Set">Code points, both ends included.</param>
internal readonly record struct GlobToken(GlobTokenKind Kind, byte Literal = 0, (int First, int Last)[]? Set = null, bool IsNegated = false)
{
    /// <param name="rest">Not empty.</param>
    /// <returns>Bytes taken; 0 when it does not match.</returns>
    public int Match(ReadOnlySpan<byte> rest)
    {
        if (Kind == GlobTokenKind.Byte)
        {
            return rest[0] == Literal ? 1 : 0;
        }

        bool isText = Rune.DecodeFromUtf8(rest, out Rune rune, out int length) == OperationStatus.Done;
        if (!isText)
        {
            length = 1;
        }

        return Kind == GlobTokenKind.AnyCharacter || Contains(isText ? rune.Value : -1) != IsNegated ? length : 0;
    }

    private bool Contains(int character)
    {
        foreach ((int first, int last) in Set!)
        {
            if (character >= first && character <= last)
            {
                return true;
            }
        }

        return false;
    }
}
