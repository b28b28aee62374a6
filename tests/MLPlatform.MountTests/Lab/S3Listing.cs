using System.Globalization;
using System.Xml.Linq;
using MLPlatform.Lab;

namespace MLPlatform.MountTests.Lab;

/// <summary>A listing page as a strict XML reader sees it.</summary>
internal sealed record S3Listing(string[] Keys, long[] Sizes, string[] ETags, string[] Prefixes, int? KeyCount, bool IsTruncated, string? NextToken, int MaxKeys)
{
    public static S3Listing Parse(S3Response response)
    {
        XElement root = XDocument.Parse(response.Text).Root!;
        XNamespace ns = root.Name.Namespace;
        XElement[] contents = [.. root.Elements(ns + "Contents")];
        return new S3Listing(
            [.. contents.Select(c => c.Element(ns + "Key")!.Value)],
            [.. contents.Select(c => long.Parse(c.Element(ns + "Size")!.Value, CultureInfo.InvariantCulture))],
            [.. contents.Select(c => c.Element(ns + "ETag")!.Value)],
            [.. root.Elements(ns + "CommonPrefixes").Select(c => c.Element(ns + "Prefix")!.Value)],
            root.Element(ns + "KeyCount") is { } count ? int.Parse(count.Value, CultureInfo.InvariantCulture) : null,
            root.Element(ns + "IsTruncated")!.Value == "true",
            root.Element(ns + "NextContinuationToken")?.Value,
            int.Parse(root.Element(ns + "MaxKeys")!.Value, CultureInfo.InvariantCulture));
    }
}
