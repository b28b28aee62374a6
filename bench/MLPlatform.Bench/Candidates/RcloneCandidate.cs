using System.Diagnostics;
using System.Globalization;
using MLPlatform.Bench.Stores;

namespace MLPlatform.Bench.Candidates;

/// <summary><c>rclone mount</c> with the options that give it its best: everything is believed for a day, and nothing is asked twice.</summary>
internal sealed class RcloneCandidate : Candidate
{
    public override string Name => "rclone";

    public override RunningMount Mount(BenchStore store, string bucket, string root, MountLimits limits)
    {
        string directory = Path.Combine(root, "mnt");
        ProcessStartInfo command = new(
            "rclone",
            [
                "mount", $"lab:{bucket}", directory, "--read-only", "--dir-cache-time", "24h", "--attr-timeout", "24h", "--poll-interval", "0", "--use-server-modtime",
                "--no-checksum", "--s3-no-head-object", "--cache-dir", CacheDirectory(root), "--vfs-cache-mode", "full", "--vfs-cache-max-age", "24h", "--vfs-read-ahead", "32M",
                "--buffer-size", "16M",
            ]);
        if (limits.CacheBytes is { } bytes)
        {
            // Looked at once a minute unless told otherwise, which lets it grow past its bound for all of a short run.
            command.ArgumentList.Add("--vfs-cache-max-size");
            command.ArgumentList.Add($"{bytes.ToString(CultureInfo.InvariantCulture)}B");
            command.ArgumentList.Add("--vfs-cache-poll-interval");
            command.ArgumentList.Add("1s");
        }

        command.Environment["RCLONE_CONFIG"] = Path.Combine(root, "rclone.conf");
        command.Environment["RCLONE_CONFIG_LAB_TYPE"] = "s3";
        command.Environment["RCLONE_CONFIG_LAB_PROVIDER"] = store.Name == "radosgw" ? "Ceph" : "Other";
        command.Environment["RCLONE_CONFIG_LAB_ENDPOINT"] = store.Endpoint.ToString();
        command.Environment["RCLONE_CONFIG_LAB_REGION"] = "us-east-1";
        command.Environment["RCLONE_CONFIG_LAB_FORCE_PATH_STYLE"] = "true";
        command.Environment["RCLONE_CONFIG_LAB_ENV_AUTH"] = "false";
        if (store.AccessKey is { } key)
        {
            command.Environment["RCLONE_CONFIG_LAB_ACCESS_KEY_ID"] = key;
            command.Environment["RCLONE_CONFIG_LAB_SECRET_ACCESS_KEY"] = store.SecretKey;
        }

        return RunningMount.StartForeground(command, directory, CacheDirectory(root));
    }
}
