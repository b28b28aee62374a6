namespace MLPlatform.Lab;

/// <summary>One request as the proxy saw it.</summary>
/// <param name="Ordinal">From 1, in order of arrival over all connections.</param>
/// <param name="Method">As sent.</param>
/// <param name="Target">Path and query as sent, still escaped.</param>
/// <param name="Range">Value of the Range field; null without one.</param>
/// <param name="IfMatch">Value of the If-Match field; null without one.</param>
public sealed record ProxiedRequest(long Ordinal, RequestKind Kind, string Method, string Target, string? Range, string? IfMatch)
{
    internal static ProxiedRequest From(long ordinal, HttpHead head)
    {
        string method = head.Method;
        string target = head.Target;
        return new ProxiedRequest(
            ordinal,
            KindOf(method, target),
            method,
            target,
            head.TryGet("range"u8, out ReadOnlySpan<byte> range) ? System.Text.Encoding.ASCII.GetString(range) : null,
            head.TryGet("if-match"u8, out ReadOnlySpan<byte> ifMatch) ? System.Text.Encoding.ASCII.GetString(ifMatch) : null);
    }

    internal static RequestKind KindOf(string method, string target)
    {
        switch (method)
        {
            case "HEAD":
                return RequestKind.Head;
            case "PUT" or "POST":
                return RequestKind.Put;
            case not "GET":
                return RequestKind.Other;
        }

        int question = target.IndexOf('?', StringComparison.Ordinal);
        ReadOnlySpan<char> path = (question < 0 ? target : target.AsSpan(0, question)).Trim('/');
        ReadOnlySpan<char> query = question < 0 ? [] : target.AsSpan(question + 1);
        bool bucketOnly = !path.Contains('/');
        bool lists = false;
        foreach (System.Range part in query.Split('&'))
        {
            ReadOnlySpan<char> pair = query[part];
            int equals = pair.IndexOf('=');
            ReadOnlySpan<char> name = equals < 0 ? pair : pair[..equals];
            if (name.Equals("op", StringComparison.OrdinalIgnoreCase))
            {
                ReadOnlySpan<char> op = equals < 0 ? [] : pair[(equals + 1)..];
                return op.StartsWith("LISTSTATUS", StringComparison.OrdinalIgnoreCase) ? RequestKind.List
                    : op.Equals("OPEN", StringComparison.OrdinalIgnoreCase) ? RequestKind.GetObject
                    : op.Equals("GETFILESTATUS", StringComparison.OrdinalIgnoreCase) ? RequestKind.Head
                    : RequestKind.Other;
            }

            if (bucketOnly && name is "location" or "uploads" or "versioning" or "acl" or "policy")
            {
                return RequestKind.Other;
            }

            lists |= name is "list-type" or "prefix" or "delimiter" or "marker" or "max-keys";
        }

        if (bucketOnly)
        {
            return path.IsEmpty && !lists ? RequestKind.Other : RequestKind.List;
        }

        return RequestKind.GetObject;
    }
}
