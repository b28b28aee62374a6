using System.Text;
using MLPlatform.Core;
using MLPlatform.Datasets;
using Xunit;

namespace MLPlatform.Tests.Selection;

public sealed class PathGlobTests
{
    [Theory]
    [InlineData("*.jpg", "cat.jpg", true)]
    [InlineData("*.jpg", "train/n01/cat.jpg", true)]
    [InlineData("*.jpg", "train/cat.jpeg", false)]
    [InlineData("/*.jpg", "cat.jpg", true)]
    [InlineData("/*.jpg", "train/cat.jpg", false)]
    [InlineData("train/*.jpg", "train/cat.jpg", true)]
    [InlineData("train/*.jpg", "train/n01/cat.jpg", false)]
    [InlineData("train/*.jpg", "old/train/cat.jpg", false)]
    [InlineData("./train//*.jpg", "train/cat.jpg", true)]
    [InlineData("**/cat.jpg", "cat.jpg", true)]
    [InlineData("**/cat.jpg", "a/b/c/cat.jpg", true)]
    [InlineData("train/**/cat.jpg", "train/cat.jpg", true)]
    [InlineData("train/**/cat.jpg", "train/a/b/cat.jpg", true)]
    [InlineData("train/**/cat.jpg", "val/a/cat.jpg", false)]
    [InlineData("train/**", "train/a/b", true)]
    [InlineData("train/**", "train", false)]
    [InlineData("**", "a/b/c", true)]
    [InlineData("a/**/b/**/c", "a/x/b/y/b/z/c", true)]
    [InlineData("a/**/b/**/c", "a/x/c/y/b", false)]
    [InlineData("f?le", "file", true)]
    [InlineData("f?le", "f/le", false)]
    [InlineData("na?ve", "na\u00efve", true)]
    [InlineData("na??ve", "na\u00efve", false)]
    [InlineData("[a-c]x", "bx", true)]
    [InlineData("[!a-c]x", "bx", false)]
    [InlineData("[^a-c]x", "dx", true)]
    [InlineData("[]-]", "]", true)]
    [InlineData("[]-]", "-", true)]
    [InlineData("[\u00e0-\u00ff]", "\u00ef", true)]
    [InlineData("n0[0-9][0-9]", "n042", true)]
    [InlineData("\\*", "*", true)]
    [InlineData("\\*", "a", false)]
    [InlineData("a*b*c", "aXbXbXc", true)]
    [InlineData("a*b*c", "aXcXb", false)]
    [InlineData("a**b", "aXXb", true)]
    public void IsMatch_Patterns_AreShellPatternsOverBytes(string pattern, string path, bool isMatch) =>
        Assert.Equal(isMatch, PathGlob.Parse(pattern).IsMatch(Encoding.UTF8.GetBytes(path), isDirectory: false));

    [Fact]
    public void IsMatch_BytesThatAreNoText_CountOneByOne()
    {
        Assert.True(PathGlob.Parse("r??").IsMatch([(byte)'r', 0xFF, 0xFE], isDirectory: false));
        Assert.True(PathGlob.Parse("r[!a]*").IsMatch([(byte)'r', 0xFF, 0xFE], isDirectory: false));
        Assert.False(PathGlob.Parse("r?").IsMatch([(byte)'r', 0xFF, 0xFE], isDirectory: false));
    }

    [Fact]
    public void IsMatch_SlashAtTheEnd_MeansDirectories()
    {
        PathGlob glob = PathGlob.Parse("tmp/");
        Assert.True(glob.IsMatch("a/tmp"u8, isDirectory: true));
        Assert.False(glob.IsMatch("a/tmp"u8, isDirectory: false));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("a/../b")]
    [InlineData("[abc")]
    [InlineData("[]")]
    [InlineData("abc\\")]
    public void Parse_WhatCanMatchNothing_IsRefused(string pattern) =>
        Assert.Equal(CacheError.Configuration, Assert.Throws<CacheException>(() => PathGlob.Parse(pattern)).Error);
}
