using System.Text;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Core;

namespace MLPlatform.UnderStore;

/// <summary>
/// A source as the user wrote it, taken apart by hand: System.Uri folds <c>..</c>, <c>//</c> and escapes, all of which are
/// ordinary bytes of an S3 key or a file name. Nothing is percent-decoded.
/// </summary>
/// <param name="Scheme"><c>file</c> for a plain path.</param>
/// <param name="Rest">What follows <c>scheme://</c>; a plain path whole.</param>
/// <param name="IsPlainPath">No scheme was given.</param>
internal readonly record struct UnderStoreUri(string Scheme, string Rest, bool IsPlainPath)
{
    /// <exception cref="CacheException"><c>Configuration</c>.</exception>
    public static UnderStoreUri Parse(string text, IReadOnlyCollection<string> schemes)
    {
        if (text.Length == 0)
        {
            throw Bad("A source is empty; give s3://bucket[/prefix], file:///path or a directory.");
        }

        if (text.Contains('\0', StringComparison.Ordinal))
        {
            throw Bad("A source holds a NUL character.");
        }

        int colon = text.IndexOf(':', StringComparison.Ordinal);
        int slashes = text.IndexOf("://", StringComparison.Ordinal);
        if (slashes > 0 && slashes == colon && IsSchemeName(text.AsSpan(0, slashes)))
        {
            string scheme = text[..slashes].ToLowerInvariant();
            if (!schemes.Contains(scheme))
            {
                string nearest = schemes.MinBy(s => Distance(s, scheme))!;
                string hint = Distance(nearest, scheme) <= 2 ? $"did you mean '{nearest}://'?" : $"known are {string.Join(", ", schemes.Select(s => s + "://"))} and plain paths.";
                throw Bad($"'{text}' has the unknown scheme '{scheme}://'; {hint}");
            }

            return new UnderStoreUri(scheme, text[(slashes + 3)..], false);
        }

        // A single slash or none after a known scheme is a slip of the pen, not a directory called "s3:".
        if (colon > 0 && schemes.Contains(text[..colon].ToLowerInvariant()) && !Directory.Exists(text))
        {
            string scheme = text[..colon].ToLowerInvariant();
            string rest = text[(colon + 1)..].TrimStart('/');
            throw Bad($"'{text}' lacks slashes; did you mean '{scheme}://{(scheme == "file" ? "/" : "")}{rest}'?");
        }

        return new UnderStoreUri("file", text, true);
    }

    public static CacheException Bad(string sentence) => new(CacheError.Configuration, sentence);

    /// <summary>The absolute path a <c>file</c> source names, without empty and <c>.</c> components or a trailing slash.</summary>
    public string LocalPath(string workingDirectory)
    {
        string path = Rest;
        if (!IsPlainPath)
        {
            if (path.StartsWith("localhost/", StringComparison.OrdinalIgnoreCase))
            {
                path = path["localhost".Length..];
            }

            if (!path.StartsWith('/'))
            {
                throw Bad($"'file://{Rest}' names the host '{path.Split('/')[0]}', and only this machine's files can be read; did you mean 'file:///{path}'?");
            }
        }

        if (!path.StartsWith('/'))
        {
            path = workingDirectory + "/" + path;
        }

        string[] parts = [.. path.Split('/').Where(static p => p is not ("" or "."))];
        if (parts.Contains(".."))
        {
            // What ".." means behind a symbolic link only the kernel knows.
            path = Resolve("/" + string.Join('/', parts));
            parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        }

        return "/" + string.Join('/', parts);
    }

    private static bool IsSchemeName(ReadOnlySpan<char> name)
    {
        foreach (char c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('+' or '-' or '.'))
            {
                return false;
            }
        }

        return char.IsAsciiLetter(name[0]);
    }

    private static unsafe string Resolve(string path)
    {
        int descriptor;
        fixed (byte* p = Encoding.UTF8.GetBytes(path + "\0"))
        {
            descriptor = Local.Libc.OpenAt(Local.Libc.AT_FDCWD, p, Local.Libc.O_PATH | Local.Libc.O_CLOEXEC, 0);
        }

        if (descriptor < 0)
        {
            return Path.GetFullPath(path); // It does not exist, which the first use reports.
        }

        using SafeFileHandle handle = new(descriptor, ownsHandle: true);
        fixed (byte* p = Encoding.UTF8.GetBytes($"/proc/self/fd/{descriptor}\0"))
        {
            return Local.RootDirectory.ReadLink(Local.Libc.AT_FDCWD, p) is { } target ? Encoding.UTF8.GetString(target) : Path.GetFullPath(path);
        }
    }

    /// <summary>Levenshtein distance.</summary>
    private static int Distance(string a, string b)
    {
        int[] row = new int[b.Length + 1];
        for (int j = 0; j <= b.Length; j++)
        {
            row[j] = j;
        }

        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int above = row[j];
                row[j] = Math.Min(Math.Min(row[j] + 1, row[j - 1] + 1), diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }

        return row[b.Length];
    }
}
