using MLPlatform.Client;

namespace MLPlatform.FileSystem;

/// <summary>What the kernel reads an open file from.</summary>
/// <param name="Id">The kernel's number for the backing file; 0: reads come through us.</param>
/// <param name="File">What keeps the backing file's bytes in place; null where that is not ours, as in a local store.</param>
internal readonly record struct Backing(int Id, IKernelFile? File);
