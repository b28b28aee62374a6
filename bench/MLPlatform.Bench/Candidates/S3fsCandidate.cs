using System.Diagnostics;
using MLPlatform.Bench.Stores;

namespace MLPlatform.Bench.Candidates;

/// <summary><c>s3fs</c> with the options that give it its best. Its disk cache knows no bound but the free space it leaves.</summary>
internal sealed class S3fsCandidate : Candidate
{
    public override string Name => "s3fs";

    public override RunningMount Mount(BenchStore store, string bucket, string root, MountLimits limits)
    {
        string directory = Path.Combine(root, "mnt");
        Directory.CreateDirectory(root);
        string access = "public_bucket=1";
        if (store.AccessKey is { } key)
        {
            string passwords = Path.Combine(root, "passwd-s3fs");
            File.WriteAllText(passwords, $"{key}:{store.SecretKey}\n");
            File.SetUnixFileMode(passwords, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            access = $"passwd_file={passwords}";
        }

        return RunningMount.StartForeground(
            new ProcessStartInfo(
                "s3fs",
                [
                    bucket, directory, "-f", "-o",
                    $"ro,{access},url={store.Endpoint.ToString().TrimEnd('/')},use_path_request_style,use_cache={CacheDirectory(root)},kernel_cache,parallel_count=8,"
                    + "multipart_size=16,max_stat_cache_size=200000,stat_cache_expire=86400,enable_noobj_cache,multireq_max=32",
                ]),
            directory,
            CacheDirectory(root));
    }
}
