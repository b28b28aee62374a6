namespace MLPlatform.Lab;

/// <summary>The rules of S3 listings over any <see cref="IOriginSource"/>: prefix, delimiter, pages.</summary>
internal static class OriginLister
{
    // Above every character of a key, so that "prefix + this" lies behind all keys with that prefix.
    private const string Highest = "\U0010FFFF";

    /// <param name="after">Exclusive lower bound; a common prefix as bound skips all keys below it.</param>
    /// <param name="limit">Keys and common prefixes together.</param>
    public static ListResult List(IOriginSource source, string bucket, string prefix, string delimiter, string after, int limit)
    {
        List<OriginObject> objects = [];
        List<string> prefixes = [];
        string? last = null;
        string from = LowerBound(prefix, delimiter, after);
        bool more = limit > 0;
        while (more)
        {
            more = false;
            foreach (OriginObject item in source.Scan(bucket, from))
            {
                if (!item.Key.StartsWith(prefix, StringComparison.Ordinal))
                {
                    break;
                }

                if (item.Key == after)
                {
                    continue;
                }

                if (objects.Count + prefixes.Count == limit)
                {
                    return new ListResult(objects, prefixes, last);
                }

                int cut = delimiter.Length == 0 ? -1 : item.Key.IndexOf(delimiter, prefix.Length, StringComparison.Ordinal);
                if (cut < 0)
                {
                    objects.Add(item);
                    last = item.Key;
                    continue;
                }

                last = item.Key[..(cut + delimiter.Length)];
                prefixes.Add(last);
                from = last + Highest;
                more = true;
                break; // Whatever else lies below the common prefix is skipped by a new scan.
            }
        }

        return new ListResult(objects, prefixes, null);
    }

    private static string LowerBound(string prefix, string delimiter, string after)
    {
        if (KeyOrder.Instance.Compare(after, prefix) <= 0)
        {
            return prefix;
        }

        int cut = delimiter.Length == 0 || !after.StartsWith(prefix, StringComparison.Ordinal) ? -1 : after.IndexOf(delimiter, prefix.Length, StringComparison.Ordinal);
        return cut < 0 ? after : after[..(cut + delimiter.Length)] + Highest;
    }
}
