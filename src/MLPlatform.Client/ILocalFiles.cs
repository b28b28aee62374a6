using MLPlatform.Datasets;

namespace MLPlatform.Client;

/// <summary>
/// Checked copies of file versions on this machine, asked before the reader: what is here needs no readahead and no single flight. Any thread may call it. A
/// copy that turns out to be damaged is gone afterwards, and the read is <see cref="LocalOutcome.Absent"/>.
/// </summary>
public interface ILocalFiles
{
    /// <summary>For session threads: never waits, and looks nothing up by hash.</summary>
    /// <param name="lease">Set when <see cref="LocalOutcome.Served"/>; the caller disposes it.</param>
    LocalOutcome TryRead(ulong inode, long offset, int count, out ReadLease? lease);

    /// <summary>Finds out what is here of a file that was <see cref="LocalOutcome.Unknown"/>, and goes on as above. Never waits.</summary>
    LocalOutcome TryRead(FileVersion file, long offset, int count, out ReadLease? lease);

    /// <summary>Waits for the disk. Only for work given to <see cref="Post"/>.</summary>
    /// <returns>Served or Absent.</returns>
    LocalOutcome Read(FileVersion file, long offset, int count, out ReadLease? lease);

    /// <summary>Runs work that may wait for a disk, on threads that nothing else needs.</summary>
    /// <returns>False when too much waits already.</returns>
    bool Post(IThreadPoolWorkItem work);

    /// <summary>What was done since start and is held now.</summary>
    LocalCounters Counters { get; }

    /// <summary>What is held of one file, for people: "none", "12.5 MiB of 1 GiB on disk".</summary>
    string Describe(FileVersion file);

    /// <summary>A whole, checked copy for the kernel to read by itself, or null.</summary>
    IKernelFile? TryOpenForKernel(FileVersion file);
}
