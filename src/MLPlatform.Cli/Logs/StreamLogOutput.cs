using System.Text;

namespace MLPlatform.Cli.Logs;

/// <summary>Writes lines to a stream, such as stderr. A stream that nobody reads any more ends the log, not the program.</summary>
internal sealed class StreamLogOutput(Stream stream) : ILogOutput
{
    private bool _isBroken;

    public void Write(string line)
    {
        if (_isBroken)
        {
            return;
        }

        try
        {
            stream.Write(Encoding.UTF8.GetBytes(line));
        }
        catch (IOException)
        {
            _isBroken = true;
        }
    }

    public void Flush()
    {
    }

    public void Dispose() => stream.Flush(); // It is the process's.
}
