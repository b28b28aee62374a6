using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace MLPlatform.Core;

/// <summary>Checks that catch our own bugs, kept in Release.</summary>
public static class Invariant
{
    public static void That([DoesNotReturnIf(false)] bool condition, [CallerArgumentExpression(nameof(condition))] string what = "")
    {
        if (!condition)
        {
            Fail(what);
        }
    }

    [DoesNotReturn]
    private static void Fail(string what) => throw new InvalidOperationException($"Invariant broken: {what}");
}
