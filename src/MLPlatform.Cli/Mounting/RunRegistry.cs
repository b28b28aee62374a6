using System.Text;
using System.Text.Json;
using MLPlatform.Core;
using MLPlatform.Fuse;

namespace MLPlatform.Cli.Mounting;

/// <summary>
/// The mounts of this user on this machine, as files in one directory that a reboot empties. Several processes use it at once:
/// records appear by rename and each is written by its own server only.
/// </summary>
internal sealed class RunRegistry(string root)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private const UnixFileMode ReadableByAll =
        OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    public static RunRegistry OfThisUser() => new(MachinePaths.RunDirectory);

    /// <summary>Makes the registry's directory and a name for a mount in it.</summary>
    /// <returns>The id and the control directory, which exists and is empty.</returns>
    public (string Id, string Control) Reserve(string directory)
    {
        MakeRoot();
        string id = $"{NameFor(directory)}-{Environment.ProcessId}";
        string control = Path.Combine(root, id);
        Directory.CreateDirectory(control, ReadableByAll);
        return (id, control);
    }

    public void Write(RunRecord record)
    {
        string path = RecordPath(record.Id);
        File.WriteAllBytes(path + ".new", JsonSerializer.SerializeToUtf8Bytes(record, RunRecordJson.Default.RunRecord));
        File.Move(path + ".new", path, overwrite: true);
    }

    /// <summary>Takes a mount's traces away; what is still mounted on its control directory goes too.</summary>
    public void Remove(string id)
    {
        string control = Path.Combine(root, id);
        if (MountTable.Read().Any(m => m.Directory == control))
        {
            FuseMount.Unmount(control, lazy: true);
        }

        try
        {
            File.Delete(RecordPath(id));
            Directory.Delete(control);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Somebody else cleared it, or still looks into it; the next call clears it again.
        }
    }

    /// <summary>All records that can be read, those of dead servers included.</summary>
    public IReadOnlyList<RunRecord> ReadAll()
    {
        List<RunRecord> records = [];
        if (!Directory.Exists(root))
        {
            return records;
        }

        foreach (string path in Directory.EnumerateFiles(root, "*.json"))
        {
            try
            {
                if (JsonSerializer.Deserialize(File.ReadAllBytes(path), RunRecordJson.Default.RunRecord) is { } record)
                {
                    records.Add(record);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
            {
                // Removed in this moment, or of another program version: not a mount that we can speak for.
            }
        }

        return records;
    }

    /// <summary>The record of what is mounted on a directory, a live one first and then the newest, or null.</summary>
    public RunRecord? Find(string directory) => ReadAll()
        .Where(r => r.Directory == directory)
        .OrderByDescending(static r => ProcessIdentity.IsAlive(r.Pid, r.PidStartTicks))
        .ThenByDescending(static r => r.Started)
        .FirstOrDefault();

    /// <summary>Removes the records and control mounts of servers that are no more.</summary>
    public void ClearDead()
    {
        HashSet<string> known = [];
        foreach (RunRecord record in ReadAll())
        {
            known.Add(record.Id);
            if (record.PidNamespace == ProcessIdentity.Namespace && !ProcessIdentity.IsAlive(record.Pid, record.PidStartTicks))
            {
                Remove(record.Id);
            }
        }

        // Reserved by servers that were killed before they wrote their record.
        foreach (string control in Directory.Exists(root) ? Directory.GetDirectories(root) : [])
        {
            string id = Path.GetFileName(control);
            if (!known.Contains(id) && int.TryParse(id[(id.LastIndexOf('-') + 1)..], out int pid) && ProcessIdentity.StartTicks(pid) is null)
            {
                Remove(id);
            }
        }
    }

    /// <summary>A file name for a directory: <c>/mnt/data</c> gives <c>mnt-data</c>; what could be mistaken for another gets a hash behind it.</summary>
    public static string NameFor(string directory)
    {
        string trimmed = directory.Trim('/');
        string name = new([.. trimmed.Take(80).Select(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' ? c : '-')]);
        bool isExact = trimmed.Length is > 0 and <= 80 && name.Replace('-', '/') == trimmed;
        return isExact ? name : $"{name.Trim('-')}-{Hash(directory):x8}".TrimStart('-');
    }

    private string RecordPath(string id) => Path.Combine(root, id + ".json");

    // Others reach the control files of a root mount with --allow-other through this directory. Below /tmp anybody could have made it first.
    private void MakeRoot()
    {
        try
        {
            Directory.CreateDirectory(root, NativeMethods.EffectiveUserId == 0 ? ReadableByAll : OwnerOnly);
            if (root.StartsWith("/tmp/", StringComparison.Ordinal))
            {
                if (new DirectoryInfo(root).LinkTarget is not null)
                {
                    throw new UnauthorizedAccessException("it is a symbolic link");
                }

                File.SetUnixFileMode(root, NativeMethods.EffectiveUserId == 0 ? ReadableByAll : OwnerOnly); // Fails where it is not ours.
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CacheException(
                CacheError.AccessDenied, $"Cannot use {root} for the control files of mounts: {e.Message.TrimEnd('.')}; set XDG_RUNTIME_DIR to a directory of yours.", e);
        }
    }

    private static uint Hash(string text)
    {
        uint hash = 2166136261; // FNV-1a: the same in every process, unlike string.GetHashCode.
        foreach (byte b in Encoding.UTF8.GetBytes(text))
        {
            hash = (hash ^ b) * 16777619;
        }

        return hash;
    }
}
