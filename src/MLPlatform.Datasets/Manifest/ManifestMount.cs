namespace MLPlatform.Datasets;

/// <summary>One store in a dataset's tree.</summary>
/// <param name="Path">Where it appears: components divided by <c>/</c>, no leading slash; empty for the root.</param>
/// <param name="Uri">The store's canonical URI, without credentials.</param>
public sealed record ManifestMount(string Path, string Uri);
