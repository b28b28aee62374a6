using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace MLPlatform.Cli.Framework;

/// <summary>Writes JSON for <c>--json</c>, by hand: the documents are small, and nothing has to be kept from the trimmer.</summary>
internal static class JsonText
{
    // URIs and paths are read by people too; the strict encoder would turn + and non-ASCII letters into escapes.
    private static readonly JavaScriptEncoder s_encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    /// <param name="isLine">True for one object per line, false for a document with indents.</param>
    public static string Write(Action<Utf8JsonWriter> write, bool isLine = false)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = !isLine, Encoder = s_encoder }))
        {
            write(writer);
        }

        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }
}
