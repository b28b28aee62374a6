using System.Text;
using CsCheck;
using MLPlatform.Core;
using MLPlatform.Datasets;
using MLPlatform.Tests.Manifests;
using Xunit;

namespace MLPlatform.Tests.Selection;

public sealed class RowSelectionTests : IDisposable
{
    private readonly ManifestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("", "", "", "a/one a/two.txt b/c/deep.txt b/c/e/last b/x top z")]
    [InlineData("b", "", "", "b/c/deep.txt b/c/e/last b/x")]
    [InlineData("b b/c/e b/x a/one", "", "", "a/one b/c/deep.txt b/c/e/last b/x")]
    [InlineData("top", "", "", "top")]
    [InlineData("", "*.txt", "", "a/two.txt b/c/deep.txt")]
    [InlineData("", "c", "", "b/c/deep.txt b/c/e/last")]
    [InlineData("", "c/", "e", "b/c/deep.txt")]
    [InlineData("", "", "*.txt /b/x", "a/one b/c/e/last top z")]
    [InlineData("b", "**/l*", "", "b/c/e/last")]
    [InlineData("a b/c", "", "two*", "a/one b/c/deep.txt b/c/e/last")]
    public async Task Rows_PathsAndPatterns_SelectEachFileOnce(string paths, string includes, string excludes, string expected)
    {
        using Manifest manifest = await _folder.OpenAsync(new[] { "top", "a/one", "a/two.txt", "b/x", "b/c/deep.txt", "b/c/e/last", "z" }.Select(static (path, i) => ManifestFolder.FileEntry(path, i + 1)));
        PathFilter filter = Filter(includes, excludes);
        RowSelection selection = new(manifest, filter);
        foreach (string path in paths.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            Assert.True(selection.TryAdd(Encoding.UTF8.GetBytes(path)));
        }

        List<long> rows = [.. selection.Rows()];
        Assert.Equal(rows.Order(), rows);
        Assert.Equal(expected, string.Join(' ', rows.Select(row => Encoding.UTF8.GetString(manifest.PathOf(row))).Order(StringComparer.Ordinal)));
        Assert.Empty(filter.Unmatched);
        selection.Count(CancellationToken.None);
        Assert.Equal((rows.Count, rows.Sum(manifest.SizeOf)), (selection.Files, selection.Bytes));
        Assert.Equal(rows, selection.Rows());
    }

    [Fact]
    public async Task Unmatched_AnIncludeThatMatchesNothing_IsNamed()
    {
        using Manifest manifest = await _folder.OpenAsync([ManifestFolder.FileEntry("a/one"), ManifestFolder.FileEntry("a/two")]);
        PathFilter filter = Filter("a *.jpg t*", "");
        Assert.Equal(2, new RowSelection(manifest, filter).Rows().Count());
        Assert.Equal(["*.jpg"], filter.Unmatched.Select(static glob => glob.Text));
    }

    [Fact]
    public void Rows_AnyTreePathsAndPatterns_AreWhatAPlainWalkSelects() =>
        Gen.Select(AnyPath.List[1, 60], AnyPath.List[0, 4], AnyOf("*", "a*", "**/b", "a/**", "b/", "?", "[ab]c").List[0, 3], AnyOf("c", "a/b", "**/c/**").List[0, 2]).Sample((files, paths, includes, excludes) =>
        {
            // A name is a file or a directory: what lies below a file is left out.
            List<string> tree = [.. files.Distinct().Where(file => !files.Any(other => file.StartsWith(other + "/", StringComparison.Ordinal)))];
            using Manifest manifest = _folder.OpenAsync(tree.Select(static path => ManifestFolder.FileEntry(path))).GetAwaiter().GetResult();
            PathFilter filter = new([.. includes.Select(PathGlob.Parse)], [.. excludes.Select(PathGlob.Parse)]);
            RowSelection selection = new(manifest, filter);
            List<string> found = [.. paths.Where(path => selection.TryAdd(Encoding.UTF8.GetBytes(path)))];
            IEnumerable<string> expected = tree.Where(file =>
                (found.Count == 0 || found.Any(path => file == path || file.StartsWith(path + "/", StringComparison.Ordinal)))
                && (includes.Count == 0 || includes.Any(glob => Covers(glob, file)))
                && !excludes.Any(glob => Covers(glob, file)));
            Assert.Equal(expected.Order(StringComparer.Ordinal), selection.Rows().Select(row => Encoding.UTF8.GetString(manifest.PathOf(row))).Order(StringComparer.Ordinal));
        }, iter: 300, threads: 1);

    [Theory]
    [InlineData("a/one\nb/x\n", null, "a/one b/x")]
    [InlineData("./a/\r\n\n/b//x", null, "a/one a/two b/x")]
    [InlineData("/mnt/data/a/one\nb/x", "/mnt/data", "a/one b/x")]
    public async Task AddList_PathsOfEachKind_AreFound(string list, string? mount, string expected)
    {
        using Manifest manifest = await _folder.OpenAsync([ManifestFolder.FileEntry("a/one"), ManifestFolder.FileEntry("a/two"), ManifestFolder.FileEntry("b/x")]);
        RowSelection selection = new(manifest, Filter("", ""));
        using MemoryStream content = new(Encoding.UTF8.GetBytes(list));
        await new SelectionPaths("birds", mount, "").AddListAsync(selection, new FileListInput(content, false, "list.txt"), CancellationToken.None);
        Assert.Equal(expected, string.Join(' ', selection.Rows().Select(row => Encoding.UTF8.GetString(manifest.PathOf(row))).Order(StringComparer.Ordinal)));
    }

    [Theory]
    [InlineData("a/one\na/nothing\n", "list.txt, line 2: 'a/nothing' is not in birds.")]
    [InlineData("a/one/below", "list.txt, line 1: 'a/one/below' is not in birds.")]
    [InlineData("\n/other/a/one", "list.txt, line 2: '/other/a/one' does not lie below /mnt/data; give paths relative to the dataset's root.")]
    [InlineData("/mnt/database/x", "list.txt, line 1: '/mnt/database/x' does not lie below /mnt/data; give paths relative to the dataset's root.")]
    [InlineData("a/../b", "list.txt, line 1: 'a/../b' holds '..'; give paths relative to the dataset's root.")]
    [InlineData("\n\n", "list.txt names no file.")]
    public async Task AddList_WhatNamesNothing_IsToldWithItsLine(string list, string message)
    {
        using Manifest manifest = await _folder.OpenAsync([ManifestFolder.FileEntry("a/one")]);
        using MemoryStream content = new(Encoding.UTF8.GetBytes(list));
        CacheException e = await Assert.ThrowsAsync<CacheException>(() => new SelectionPaths("birds", "/mnt/data", "").AddListAsync(new RowSelection(manifest, Filter("", "")), new FileListInput(content, false, "list.txt"), CancellationToken.None));
        Assert.Equal(message, e.Message);
    }

    private static Gen<string> AnyPath => AnyOf("a", "b", "c", "ab").List[1, 4].Select(static parts => string.Join('/', parts));

    private static Gen<string> AnyOf(params string[] words) => Gen.Int[0, words.Length - 1].Select(i => words[i]);

    private static bool Covers(string glob, string file)
    {
        PathGlob parsed = PathGlob.Parse(glob);
        string[] parts = file.Split('/');
        return Enumerable.Range(1, parts.Length).Any(n => parsed.IsMatch(Encoding.UTF8.GetBytes(string.Join('/', parts[..n])), isDirectory: n < parts.Length));
    }

    private static PathFilter Filter(string includes, string excludes) => new(Globs(includes), Globs(excludes));

    private static List<PathGlob> Globs(string text) => [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(PathGlob.Parse)];
}
