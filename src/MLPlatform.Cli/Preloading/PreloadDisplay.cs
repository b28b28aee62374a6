using MLPlatform.CacheWorker;
using MLPlatform.Cli.Framework;
using Spectre.Console;

namespace MLPlatform.Cli.Preloading;

/// <summary>Shows a preload while it runs: a line that moves in a terminal, one object a second with --json, nothing elsewhere.</summary>
internal static class PreloadDisplay
{
    private static readonly TimeSpan s_liveInterval = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan s_jsonInterval = TimeSpan.FromSeconds(1);

    public static async Task<PreloadResult> RunAsync(VerbContext context, Preloader preloader, CancellationToken cancellationToken)
    {
        Terminal terminal = context.Terminal;
        PreloadWords words = new(TimeProvider.System);
        if (context.Json)
        {
            return await WatchAsync(preloader, s_jsonInterval, () => terminal.WriteLine(JsonText.Write(json =>
            {
                json.WriteStartObject();
                words.Write(json, preloader.Status, isDone: false);
                json.WriteEndObject();
            }, isLine: true)), cancellationToken);
        }

        if (terminal.IsQuiet || !terminal.IsErrorTerminal)
        {
            return await preloader.RunAsync(cancellationToken);
        }

        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(terminal.Error),
            ColorSystem = terminal.NoColor ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
            Interactive = InteractionSupport.Yes,
        });
        return await console.Status().StartAsync("preloading…", status => WatchAsync(preloader, s_liveInterval, () => status.Status(Markup.Escape(words.Line(preloader.Status))), cancellationToken));
    }

    private static async Task<PreloadResult> WatchAsync(Preloader preloader, TimeSpan interval, Action show, CancellationToken cancellationToken)
    {
        Task<PreloadResult> running = preloader.RunAsync(cancellationToken);
        using PeriodicTimer timer = new(interval, TimeProvider.System);
        while (await Task.WhenAny(running, timer.WaitForNextTickAsync(CancellationToken.None).AsTask()) != running)
        {
            show();
        }

        return await running;
    }
}
