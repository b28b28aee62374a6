using System.Text;
using MLPlatform.Core;
using MLPlatform.UnderStore.S3;
using Xunit;

namespace MLPlatform.Tests.UnderStore;

public sealed class ListAnswerTests
{
    [Fact]
    public void Parse_AwsAnswer_GivesKeysAndPrefixes()
    {
        ListAnswer answer = Parse("""
            <?xml version="1.0" encoding="UTF-8"?>
            <!-- from a proxy -->
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>p%2F</Prefix><NextContinuationToken>a&amp;b==</NextContinuationToken><KeyCount>99</KeyCount><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
            <Contents><Key>p/a+b%2Bc</Key><LastModified>2009-10-12T17:50:30.123Z</LastModified><ETag>&quot;fba9dede5f27731c9771645a39863328&quot;</ETag><Size>434234</Size><StorageClass>STANDARD</StorageClass><Owner><ID>x</ID></Owner></Contents>
            <Contents><Key>p/m</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified><ETag>"abc-3"</ETag><Size>1</Size></Contents>
            <CommonPrefixes><Prefix>p/x%2Fy/</Prefix></CommonPrefixes></ListBucketResult>
            """);
        Assert.True(answer.IsTruncated);
        Assert.Equal("a&b==", Encoding.UTF8.GetString(answer.NextToken!));
        Assert.Equal(["p/a b+c", "p/m"], answer.Keys.Select(static k => Encoding.UTF8.GetString(k.Key)));
        Assert.Equal(["p/x/y/"], answer.CommonPrefixes.Select(Encoding.UTF8.GetString));
        Assert.Equal(434234, answer.Keys[0].Size);
        Assert.Equal(1255369830_123_000_000, answer.Keys[0].MtimeNanoseconds);
        Assert.Equal("fba9dede5f27731c9771645a39863328", answer.Keys[0].Identity.ETag);
        Assert.Equal(IdentityKind.HexETag, answer.Keys[0].Identity.Kind);
        Assert.Equal("abc-3", answer.Keys[1].Identity.ETag);
    }

    [Fact]
    public void Parse_EncodingNotTold_KeepsKeysAsXmlHasThem()
    {
        ListAnswer answer = Parse("<s3:ListBucketResult xmlns:s3='x'><Contents><Key>a+b%2F&lt;&#x1F600;<![CDATA[<&>]]></Key></Contents></s3:ListBucketResult>");
        Assert.Equal("a+b%2F<😀<&>", Encoding.UTF8.GetString(answer.Keys[0].Key));
        Assert.Equal((0, 0, IdentityKind.None), (answer.Keys[0].Size, answer.Keys[0].MtimeNanoseconds, answer.Keys[0].Identity.Kind));
        Assert.False(answer.IsTruncated);
        Assert.Null(answer.NextToken);
    }

    [Theory]
    [InlineData("<ListBucketResult/>")]
    [InlineData("<ListBucketResult><Contents/><CommonPrefixes/><ETag/><IsTruncated/></ListBucketResult>")]
    [InlineData("<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>")]
    public void Parse_EmptyElements_AreNothing(string xml) => Assert.Empty(Parse(xml).Keys);

    [Theory]
    [InlineData("")]
    [InlineData("not xml")]
    [InlineData("<html><body>Hello</body></html>")]
    [InlineData("<ListBucketResult><Contents><Key>a</Key>")]
    [InlineData("<ListBucketResult><Contents><Key>a</K")]
    [InlineData("<Error><Code>NoSuchBucket</Code></Error>")]
    public void Parse_NoListing_IsNull(string text) => Assert.Null(ListAnswer.Parse(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void Parse_AnyBytes_NeverThrows()
    {
        Random random = new(1);
        string[] pieces = ["<", ">", "/", "ListBucketResult", "<Contents>", "</Contents>", "<Key>", "</Key>", "&", "amp;", "&#x", "110000;", "<![CDATA[", "]]>", "<!--", "-->", "<?", "%2", "+", "\u00ff", "<Size>", "99999999999999999999", "<ETag>", "&quot;", "</ListBucketResult>"];
        for (int i = 0; i < 20_000; i++)
        {
            string text = "<ListBucketResult>" + string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => pieces[random.Next(pieces.Length)]));
            ListAnswer.Parse(Encoding.Latin1.GetBytes(text));
            ErrorAnswer.Parse(500, Encoding.Latin1.GetBytes(text.Replace("ListBucketResult", "Error", StringComparison.Ordinal)), null, null);
        }
    }

    [Theory]
    [InlineData("2009-10-12T17:50:30.000Z", 1255369830_000_000_000)]
    [InlineData("2009-10-12T17:50:30Z", 1255369830_000_000_000)]
    [InlineData("2009-10-12T17:50:30.123456789Z", 1255369830_123_456_789)]
    public void Time_Iso_IsNanoseconds(string text, long expected)
    {
        Assert.True(S3Time.TryParseIso(Encoding.ASCII.GetBytes(text), out long nanoseconds));
        Assert.Equal(expected, nanoseconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("2009-13-12T17:50:30Z")]
    [InlineData("2009-02-30T17:50:30Z")]
    [InlineData("yesterday, at about noon")]
    public void Time_Bad_IsRefused(string text) => Assert.False(S3Time.TryParseIso(Encoding.ASCII.GetBytes(text), out _));

    private static ListAnswer Parse(string xml) => ListAnswer.Parse(Encoding.UTF8.GetBytes(xml))!;
}
