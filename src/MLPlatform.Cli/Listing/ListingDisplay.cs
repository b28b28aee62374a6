using MLPlatform.Cli.Framework;
using MLPlatform.Datasets;
using Spectre.Console;

namespace MLPlatform.Cli.Listing;

/// <summary>Shows the progress of a listing on stderr: a line that moves in a terminal, now and then a plain line elsewhere, nothing when quiet.</summary>
internal static class ListingDisplay
{
    // Often enough for a log that somebody follows, seldom enough for one that is kept.
    private static readonly TimeSpan s_plainInterval = TimeSpan.FromSeconds(5);

    // A moving line is redrawn a few times a second; more only costs.
    private static readonly TimeSpan s_liveInterval = TimeSpan.FromMilliseconds(150);

    /// <param name="work">Is given what it reports to; null where nobody looks.</param>
    public static Task<T> RunAsync<T>(Terminal terminal, Func<IProgress<ListProgress>?, Task<T>> work)
    {
        if (terminal.IsQuiet)
        {
            return work(null);
        }

        if (!terminal.IsErrorTerminal)
        {
            return work(new ListingWords(terminal.Note, TimeProvider.System, s_plainInterval));
        }

        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(terminal.Error),
            ColorSystem = terminal.NoColor ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
            Interactive = InteractionSupport.Yes,
        });
        return console.Status().StartAsync("listing…", status => work(new ListingWords(words => status.Status(Markup.Escape(words)), TimeProvider.System, s_liveInterval)));
    }
}
