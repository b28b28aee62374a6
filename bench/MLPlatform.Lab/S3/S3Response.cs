using System.Text;

namespace MLPlatform.Lab;

/// <summary>A whole answer of an S3 server.</summary>
/// <param name="Headers">Names in any case; the first value where a field stands twice.</param>
public sealed record S3Response(int Status, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);

    /// <summary>The <c>Code</c> of an S3 error body; empty without one.</summary>
    public string ErrorCode => Between(Text, "<Code>", "</Code>");

    /// <summary>The ETag field without its quotes; empty without one.</summary>
    public string ETag => Headers.TryGetValue("ETag", out string? etag) ? etag.Trim('"') : "";

    internal static string Between(string text, string start, string end)
    {
        int from = text.IndexOf(start, StringComparison.Ordinal);
        int to = from < 0 ? -1 : text.IndexOf(end, from, StringComparison.Ordinal);
        return to < 0 ? "" : text[(from + start.Length)..to];
    }
}
