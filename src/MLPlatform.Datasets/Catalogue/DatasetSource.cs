using System.Text;
using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>One store of a dataset.</summary>
/// <param name="Path">Where it appears in the tree: no slash at either end, empty for the root.</param>
/// <param name="Uri">Without credentials.</param>
/// <param name="Store">How to reach it.</param>
public sealed record DatasetSource(string Path, string Uri, StoreReference Store)
{
    /// <summary>
    /// Reads <c>SOURCE[@PATH]</c>. The last <c>@/</c> divides, so a source that itself holds one is written with another behind it:
    /// <c>s3://b/odd@/key@/</c> is the prefix <c>odd@/key</c> at the root.
    /// </summary>
    /// <param name="workingDirectory">What a relative path begins at.</param>
    /// <exception cref="CacheException"><c>Configuration</c>: the path cannot be in a tree.</exception>
    public static DatasetSource Parse(string text, StoreReference store, string workingDirectory)
    {
        int divider = text.LastIndexOf("@/", StringComparison.Ordinal);
        string uri = divider < 0 ? text : text[..divider];
        string path = divider < 0 ? "" : text[(divider + 2)..].Trim('/');
        if (uri.Length == 0)
        {
            throw new CacheException(CacheError.Configuration, $"'{text}' names no source before '@/'; write SOURCE@/PATH, such as s3://bucket/prefix@/train.");
        }

        if (path.Length > 0 && PosixNames.Check(Encoding.UTF8.GetBytes(path)) is var reason and not SkipReason.None)
        {
            throw new CacheException(CacheError.Configuration, $"{uri} cannot be mounted at '/{path}': {new SkippedName([], reason).Explanation}.");
        }

        if (!uri.Contains("://", StringComparison.Ordinal))
        {
            uri = System.IO.Path.Combine(workingDirectory, uri);
        }

        return new DatasetSource(path, uri, store);
    }
}
