using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>What a user means by a SOURCE: a store, or a dataset at a version. Immutable.</summary>
public sealed record SourceReference
{
    /// <summary>As written.</summary>
    public required string Text { get; init; }

    /// <summary>Of a store; null for a dataset.</summary>
    public string? Uri { get; init; }

    /// <summary>Null for a store.</summary>
    public string? Dataset { get; init; }

    /// <summary>Of a dataset: a version or the beginning of one; null for the current.</summary>
    public string? Version { get; init; }

    /// <summary>Something the user should be told, in one sentence, or null.</summary>
    public string? Note { get; init; }

    public bool IsDataset => Dataset is not null;

    /// <summary>
    /// A URI and whatever has a slash or begins with a dot is a store. Another word is a dataset where there is one of that name, else a
    /// directory where there is one; <c>./word</c> always means the directory.
    /// </summary>
    /// <param name="workingDirectory">What a relative path begins at.</param>
    /// <exception cref="CacheException"><c>Configuration</c>: it cannot be a source; <c>NotFound</c>: a word that is nothing, naming the nearest dataset. Whether a store exists is not
    /// looked into, nor is a dataset's version.</exception>
    public static SourceReference Parse(string text, Catalogue catalogue, string workingDirectory)
    {
        if (text.Length == 0)
        {
            throw new CacheException(CacheError.Configuration, "SOURCE is empty; give s3://bucket/prefix, a directory or the name of a dataset.");
        }

        int at = text.IndexOf('@', StringComparison.Ordinal);
        string word = at < 0 ? text : text[..at];
        if (!DatasetName.IsValid(word) || text.Contains('/', StringComparison.Ordinal))
        {
            return Store(text, workingDirectory);
        }

        bool isDirectory = Directory.Exists(Path.Combine(workingDirectory, text));
        if (catalogue.Contains(word))
        {
            if (at >= 0 && !DatasetVersionId.IsPrefix(text.AsSpan(at + 1)))
            {
                throw new CacheException(CacheError.Configuration, $"'{text[(at + 1)..]}' is no version of dataset {word}: a version is `sha256:` and at least {DatasetVersionId.MinPrefixDigits} hexadecimal digits; `mlp dataset versions {word}` lists them.");
            }

            return new SourceReference
            {
                Text = text,
                Dataset = word,
                Version = at < 0 ? null : text[(at + 1)..],
                Note = isDirectory ? $"'{text}' is a dataset and a directory here; the dataset is taken, './{text}' would be the directory." : null,
            };
        }

        return isDirectory ? Store(text, workingDirectory) : throw Nothing(word, catalogue);
    }

    private static SourceReference Store(string text, string workingDirectory) =>
        new() { Text = text, Uri = text.Contains("://", StringComparison.Ordinal) ? text : Path.Combine(workingDirectory, text) };

    private static CacheException Nothing(string word, Catalogue catalogue)
    {
        CacheException unknown = catalogue.Unknown(word);
        return new CacheException(unknown.Error, $"'{word}' is neither a dataset nor a directory here. {unknown.Message}");
    }
}
