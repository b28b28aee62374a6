using System.Text;

namespace MLPlatform.Datasets;

/// <summary>What a pattern says about one component of a path. Immutable.</summary>
internal sealed class GlobComponent
{
    public static readonly GlobComponent AnyName = new([new GlobToken(GlobTokenKind.AnyRun)]);

    private static readonly GlobComponent s_anyDepth = new([]) { IsAnyDepth = true };

    private readonly GlobToken[] _tokens;

    private GlobComponent(GlobToken[] tokens) => _tokens = tokens;

    /// <summary><c>**</c>: any number of components, also none.</summary>
    public bool IsAnyDepth { get; private init; }

    /// <returns>Null when a set or an escape does not end.</returns>
    public static GlobComponent? Parse(ReadOnlySpan<byte> text)
    {
        if (text.SequenceEqual("**"u8))
        {
            return s_anyDepth;
        }

        List<GlobToken> tokens = [];
        int position = 0;
        while (position < text.Length)
        {
            byte next = text[position++];
            switch (next)
            {
                case (byte)'*':
                    if (tokens.Count == 0 || tokens[^1].Kind != GlobTokenKind.AnyRun)
                    {
                        tokens.Add(new GlobToken(GlobTokenKind.AnyRun));
                    }

                    break;
                case (byte)'?':
                    tokens.Add(new GlobToken(GlobTokenKind.AnyCharacter));
                    break;
                case (byte)'[':
                    if (ParseSet(text, ref position) is not { } set)
                    {
                        return null;
                    }

                    tokens.Add(set);
                    break;
                case (byte)'\\':
                    if (position == text.Length)
                    {
                        return null;
                    }

                    tokens.Add(new GlobToken(GlobTokenKind.Byte, text[position++]));
                    break;
                default:
                    tokens.Add(new GlobToken(GlobTokenKind.Byte, next));
                    break;
            }
        }

        return new GlobComponent([.. tokens]);
    }

    public bool IsMatch(ReadOnlySpan<byte> name)
    {
        int token = 0;
        int position = 0;
        int run = -1;
        int runPosition = 0;
        while (position < name.Length)
        {
            if (token < _tokens.Length && _tokens[token].Kind == GlobTokenKind.AnyRun)
            {
                run = token++;
                runPosition = position;
            }
            else if (token < _tokens.Length && _tokens[token].Match(name[position..]) is > 0 and int length)
            {
                token++;
                position += length;
            }
            else if (run >= 0)
            {
                position = ++runPosition;
                token = run + 1;
            }
            else
            {
                return false;
            }
        }

        while (token < _tokens.Length && _tokens[token].Kind == GlobTokenKind.AnyRun)
        {
            token++;
        }

        return token == _tokens.Length;
    }

    private static GlobToken? ParseSet(ReadOnlySpan<byte> text, ref int position)
    {
        bool isNegated = position < text.Length && text[position] is ((byte)'!' or (byte)'^');
        position += isNegated ? 1 : 0;
        List<(int First, int Last)> ranges = [];
        for (bool isFirst = true; position < text.Length; isFirst = false)
        {
            // A ] in front is one of the set, as in every shell.
            if (text[position] == ']' && !isFirst)
            {
                position++;
                return new GlobToken(GlobTokenKind.Set, 0, [.. ranges], isNegated);
            }

            if (Character(text, ref position) is not { } first)
            {
                return null;
            }

            int last = first;
            if (position + 1 < text.Length && text[position] == '-' && text[position + 1] != ']')
            {
                position++;
                if (Character(text, ref position) is not { } end)
                {
                    return null;
                }

                last = end;
            }

            ranges.Add((first, last));
        }

        return null;
    }

    private static int? Character(ReadOnlySpan<byte> text, ref int position)
    {
        if (text[position] == '\\' && ++position == text.Length)
        {
            return null;
        }

        Rune.DecodeFromUtf8(text[position..], out Rune rune, out int length);
        position += length;
        return rune.Value;
    }
}
