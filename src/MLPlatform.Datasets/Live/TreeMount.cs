using MLPlatform.UnderStore;

namespace MLPlatform.Datasets;

/// <summary>One store and where it hangs in a dataset's tree.</summary>
/// <param name="Path">Path bytes below the root, no slash at either end; empty for the root itself.</param>
public sealed record TreeMount(byte[] Path, IUnderStore Store);
