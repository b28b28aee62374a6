using Microsoft.Extensions.Logging;
using MLPlatform.Core;

namespace MLPlatform.Datasets;

/// <summary>Moves a mounted tree to whatever version of its dataset is current. One task; it must not know the kernel.</summary>
/// <param name="stores">By source of the dataset.</param>
internal sealed class VersionFollower(DatasetFolder folder, SwitchingTree tree, StoreTable stores, MountRegistration registration, TimeSpan interval, TimeProvider time, ILogger logger)
{
    // Null: look, whatever the file's time says.
    private DateTime? _seen;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(interval, time, cancellationToken);
                Look(cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is CacheException || CatalogueFault.IsDisk(e))
            {
                // The version we have goes on being served; the next look tries again.
                _seen = null;
                if (tree.Status.Problem != e.Message)
                {
                    CatalogueLog.FollowFailed(logger, folder.Name, e.Message);
                }

                tree.SetProblem(e.Message);
            }
        }
    }

    /// <summary>Looks once, and moves when there is something to move to.</summary>
    internal void Look(CancellationToken cancellationToken)
    {
        tree.Step();
        DateTime written = folder.CurrentWritten;
        if (written == _seen)
        {
            return;
        }

        if (folder.ReadCurrent() is not { } current)
        {
            throw new CacheException(CacheError.NotFound, $"Dataset {folder.Name} was removed; what is mounted stays as it was.");
        }

        Manifest before = tree.Manifest!;
        if (current != before.Digest)
        {
            registration.Update(current); // First, so that nobody deletes it under us.
            try
            {
                Move(before, current, cancellationToken);
            }
            catch
            {
                registration.Update(before.Digest);
                throw;
            }
        }

        _seen = written;
        tree.SetProblem(null);
    }

    private void Move(Manifest before, DatasetVersionId current, CancellationToken cancellationToken)
    {
        Manifest after = folder.OpenManifest(current);
        try
        {
            ManifestDiff difference = ManifestDiff.Compare(before, after, SwitchingTree.MaxToldChanges, cancellationToken);
            CatalogueLog.Followed(logger, folder.Name, before.Digest.ToString(), current.ToString(), difference.Added, difference.Changed, difference.Removed);
            tree.Follow(new ManifestTree(after, stores.For(after)), difference);
        }
        catch
        {
            after.Dispose();
            throw;
        }
    }
}
