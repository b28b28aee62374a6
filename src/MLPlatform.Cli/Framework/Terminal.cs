using System.Text;
using MLPlatform.Cli.Mounting;

namespace MLPlatform.Cli.Framework;

/// <summary>
/// Where a verb's words go: results to stdout; errors, notes and progress to stderr. Colour only where the stream is a terminal.
/// One per process; its methods may be called from any thread.
/// </summary>
internal sealed class Terminal
{
    private readonly Lock _lock = new();

    public Terminal(TextWriter output, TextWriter error, bool isOutputTerminal, bool isErrorTerminal)
    {
        Output = output;
        Error = error;
        IsOutputTerminal = isOutputTerminal;
        IsErrorTerminal = isErrorTerminal;
    }

    public static Terminal System() => new(Writer(StandardStream.Output), Writer(StandardStream.Error), !Console.IsOutputRedirected, !Console.IsErrorRedirected);

    public TextWriter Output { get; }

    public TextWriter Error { get; }

    public bool IsOutputTerminal { get; }

    public bool IsErrorTerminal { get; }

    public bool NoColor { get; set; }

    /// <summary>No notes and no progress; results and errors remain.</summary>
    public bool IsQuiet { get; set; }

    public bool ColorsOutput => IsOutputTerminal && !NoColor;

    public bool ColorsError => IsErrorTerminal && !NoColor;

    /// <summary>Columns of the screen, or 100 where there is none.</summary>
    public int Width
    {
        get
        {
            if (!IsOutputTerminal && !IsErrorTerminal)
            {
                return 100;
            }

            int columns = NativeMethods.TerminalColumns(IsOutputTerminal ? 1 : 2);
            return columns > 20 ? Math.Min(columns, 120) : 80; // Some terminals do not know their size.
        }
    }

    public void WriteLine(string line)
    {
        lock (_lock)
        {
            Output.WriteLine(line);
        }
    }

    /// <summary>Something worth knowing that is no result.</summary>
    public void Note(string sentence)
    {
        if (!IsQuiet)
        {
            WriteError("mlp: ", "36", sentence);
        }
    }

    /// <summary>Something that may go wrong later. Shown even when quiet.</summary>
    public void Warn(string sentence) => WriteError("mlp: warning: ", "33", sentence);

    /// <summary>Asks a question that Enter answers with no. Without a terminal to ask in, the caller knows what he does: yes.</summary>
    public bool Confirm(string question)
    {
        if (!IsErrorTerminal || Console.IsInputRedirected)
        {
            return true;
        }

        Error.Write($"{question} [y/N] ");
        return Console.ReadLine()?.Trim() is "y" or "Y" or "yes";
    }

    public void Fail(string sentence) => WriteError("mlp: ", "31;1", sentence);

    /// <summary>Wraps text in an ANSI colour when stdout is a terminal.</summary>
    public string Paint(string code, string text) => ColorsOutput ? $"\u001b[{code}m{text}\u001b[0m" : text;

    private static StreamWriter Writer(StandardStream stream) => new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true, NewLine = "\n" };

    private void WriteError(string prefix, string color, string sentence)
    {
        lock (_lock)
        {
            Error.WriteLine(ColorsError ? $"\u001b[{color}m{prefix}\u001b[0m{sentence}" : prefix + sentence);
        }
    }
}
