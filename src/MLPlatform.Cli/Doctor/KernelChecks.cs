using System.IO.Compression;
using MLPlatform.Cli.Mounting;
using MLPlatform.Fuse;

namespace MLPlatform.Cli.Doctor;

/// <summary>Whether this kernel and this container let us mount, and how well.</summary>
internal static class KernelChecks
{
    private const string Device = "/dev/fuse";
    private const string Helper = "fusermount3";
    private const int CapSysAdmin = 21;

    // FUSE passthrough came with Linux 6.9; everything else we use is older than 5.10.
    private static readonly Version s_passthrough = new(6, 9);
    private static readonly Version s_least = new(5, 10);

    private static bool IsRoot => NativeMethods.EffectiveUserId == 0;

    public static IEnumerable<Finding> Run()
    {
        bool mayMount = HasCapability("CapEff", CapSysAdmin);
        yield return Kernel(Environment.OSVersion.Version);
        yield return FuseDevice();
        yield return MountRight(mayMount);
        if (!IsRoot)
        {
            yield return AllowOther("/etc/fuse.conf");
        }

        yield return Passthrough(Environment.OSVersion.Version, mayMount);
        foreach (Finding finding in DeadMounts())
        {
            yield return finding;
        }
    }

    internal static Finding Kernel(Version version) => version >= s_least
        ? Finding.Ok("kernel", $"Linux {version}")
        : Finding.Warn("kernel", $"Linux {version} is older than what we test on", $"run Linux {s_least} or newer, {s_passthrough} for passthrough");

    private static Finding FuseDevice()
    {
        if (!File.Exists(Device))
        {
            return Finding.Fail("fuse device", $"{Device} is missing", "run 'modprobe fuse', or give the container the device (docker: --device /dev/fuse)");
        }

        string mode = Convert.ToString((int)File.GetUnixFileMode(Device), 8).PadLeft(4, '0');
        try
        {
            using FileStream stream = new(Device, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
            return Finding.Ok("fuse device", $"{Device} opens, mode {mode}");
        }
        catch (UnauthorizedAccessException)
        {
            return Finding.Fail("fuse device", $"{Device} has mode {mode} and does not open", IsRoot ? "give the container permission for the device (docker: --device /dev/fuse)" : $"have root run: chmod 0666 {Device}");
        }
        catch (IOException e)
        {
            return Finding.Fail("fuse device", $"{Device} does not open: {e.Message}", "run 'modprobe fuse', or give the container the device (docker: --device /dev/fuse)");
        }
    }

    private static Finding MountRight(bool mayMount)
    {
        if (IsRoot && mayMount)
        {
            return Finding.Ok("mount right", "root may mount");
        }

        string? helper = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/bin").Append("/bin")
            .Where(static d => d.Length > 0).Select(static d => Path.Combine(d, Helper)).FirstOrDefault(File.Exists);
        if (helper is null)
        {
            return Finding.Fail("mount right", $"{(IsRoot ? "root without CAP_SYS_ADMIN" : "not root")}, and {Helper} is not installed", "run: apt-get install fuse3");
        }

        if (!HasCapability("CapBnd", CapSysAdmin))
        {
            return Finding.Fail("mount right", "nobody in this container may mount: CAP_SYS_ADMIN is not in its bounding set", "give the container CAP_SYS_ADMIN (docker: --cap-add SYS_ADMIN), or mount outside of it");
        }

        if (!IsRoot && StatusField("NoNewPrivs") == "1")
        {
            return Finding.Fail("mount right", $"{helper} cannot become root here: new privileges are forbidden", "allow them (systemd: NoNewPrivileges=no, Kubernetes: allowPrivilegeEscalation: true), or mount as root");
        }

        return File.GetUnixFileMode(helper).HasFlag(UnixFileMode.SetUser) || IsRoot
            ? Finding.Ok("mount right", $"{helper} mounts for this user")
            : Finding.Fail("mount right", $"{helper} is not set-uid root", $"have root run: chmod u+s {helper}");
    }

    internal static Finding AllowOther(string path)
    {
        bool isAllowed = false;
        try
        {
            isAllowed = File.ReadLines(path).Any(static l => l.Trim() == "user_allow_other");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // No file: the helper's own default, which is no.
        }

        return isAllowed
            ? Finding.Ok("allow-other", $"user_allow_other is set in {path}")
            : Finding.Warn("allow-other", "--allow-other is refused to users", $"have root add the line user_allow_other to {path}, where other users must read");
    }

    private static Finding Passthrough(Version version, bool mayMount)
    {
        if (version < s_passthrough)
        {
            return Finding.Warn("passthrough", $"Linux {version} has no FUSE passthrough; local files are read through this program", $"run Linux {s_passthrough} or newer");
        }

        switch (KernelConfig("CONFIG_FUSE_PASSTHROUGH"))
        {
            case "n":
                return Finding.Warn("passthrough", "the kernel was built without CONFIG_FUSE_PASSTHROUGH; local files are read through this program", "run a kernel that has it");
            case null when mayMount:
                return Finding.Ok("passthrough", "the kernel is new enough; its configuration cannot be read here");
        }

        return mayMount
            ? Finding.Ok("passthrough", "the kernel reads large local files by itself")
            : Finding.Warn("passthrough", "needs CAP_SYS_ADMIN; local files are read through this program", "mount as root where that matters");
    }

    private static IEnumerable<Finding> DeadMounts()
    {
        foreach (MountEntry entry in MountTable.Read().Where(static m => m.Type == MountPoints.FileSystemType))
        {
            if (MountPointCheck.IsDead(entry.Directory))
            {
                yield return Finding.Warn("dead mount", $"the server of {entry.Directory} was killed; every access fails", $"run: mlp umount {MountPointCheck.Quote(entry.Directory)}");
            }
        }
    }

    private static bool HasCapability(string set, int bit) => StatusField(set) is { } mask && (Convert.ToUInt64(mask, 16) & (1UL << bit)) != 0;

    private static string? StatusField(string name) =>
        File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith(name + ":", StringComparison.Ordinal))?[(name.Length + 1)..].Trim();

    /// <returns><c>y</c>, <c>m</c>, <c>n</c>, or null when no configuration can be read.</returns>
    private static string? KernelConfig(string name)
    {
        string release = File.ReadAllText("/proc/sys/kernel/osrelease").Trim();
        foreach (string path in (string[])["/proc/config.gz", $"/boot/config-{release}", $"/lib/modules/{release}/config"])
        {
            try
            {
                using FileStream file = File.OpenRead(path);
                using Stream stream = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file;
                using StreamReader reader = new(stream);
                while (reader.ReadLine() is { } line)
                {
                    if (line.StartsWith(name + "=", StringComparison.Ordinal))
                    {
                        return line[(name.Length + 1)..];
                    }
                }

                return "n";
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The next place.
            }
        }

        return null;
    }
}
