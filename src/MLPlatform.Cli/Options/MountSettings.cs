using MLPlatform.Cli.Metrics;
using MLPlatform.FileSystem;

namespace MLPlatform.Cli.Options;

/// <summary>What a mount shows, how it talks to the kernel, and what it may use.</summary>
internal static class MountSettings
{
    private const string What = "Dataset options";
    private const string How = "Mount options";
    private const string Look = "What readers see";
    private const string Limits = "Limits";

    public static readonly Setting<bool> Foreground = Flag("foreground", "Stay in the foreground and log to stderr; Ctrl-C or SIGTERM unmounts.", How, 'f');

    public static readonly Setting<IReadOnlyList<string>> FstabOptions = new(
        "options",
        "OPTS",
        "Comma-separated options as in fstab: the long options of this page with underscores, such as allow_other,uid=1000,file_mode=0444,profile=shards. What only concerns mount(8) and systemd (_netdev, noauto, nofail, x-…) is taken and ignored.",
        [],
        static t => t,
        isRepeatable: true)
    {
        Short = 'o',
        Group = How,
        IsPerCall = true,
    };

    public static readonly Setting<string?> Version = new(
        "version", "DIGEST", "Show this version (sha256:… or the first digits of it) instead of the current one.", null, static t => t[0])
    {
        Group = What,
        IsPerCall = true,
    };

    public static readonly Setting<bool> Follow = Flag("follow", "Move on to each new version of the dataset without a remount.", What);

    public static readonly Setting<bool> Live = Flag("live", "No manifest: ask the store for names and attributes, for prefixes that change.", What);

    public static readonly Setting<bool> Wait = Flag("wait", "List a source that is no dataset completely before it is shown, instead of starting on live listings.", What);

    public static readonly Setting<TimeSpan> MetadataTtl = new(
        "metadata-ttl", "TIME", "How long names and attributes are believed while live.", TimeSpan.FromSeconds(5), static t => SettingKinds.ParseDuration(t[0]))
    {
        Group = What,
        DefaultText = "5s",
    };

    public static readonly Setting<MountProfile> Profile = new(
        "profile",
        "WORD",
        "How the mount talks to the kernel: files keeps everything in kernel caches and suits many small files, shards serves opens and suits few large files; auto goes by the sizes.",
        MountProfile.Auto,
        static t => SettingKinds.ParseWord(t[0], [("auto", MountProfile.Auto), ("files", MountProfile.Files), ("shards", MountProfile.Shards)]))
    {
        Group = How,
        Words = ["auto", "files", "shards"],
        DefaultText = "auto",
    };

    public static readonly Setting<bool> NoPassthrough = Flag("no-passthrough", "Serve every read ourselves and check its version, also where the kernel could read a local file directly.", How);

    public static readonly Setting<bool> CloneFd = Flag("clone-fd", "Give each session thread its own /dev/fuse descriptor.", How);

    public static readonly Setting<bool> NonEmpty = Flag("nonempty", "Mount over a directory that has files in it.", How);

    public static readonly Setting<bool> NoExec = Flag("noexec", "Let nobody run programs from the mount.", How);

    public static readonly Setting<TimeSpan> StartTimeout = new(
        "start-timeout", "TIME", "Give up when the mount shows no sign of progress for so long.", TimeSpan.FromSeconds(60), static t => SettingKinds.ParseDuration(t[0]))
    {
        Group = How,
        DefaultText = "60s",
    };

    public static readonly Setting<ListenAddress?> Metrics = new(
        "metrics",
        "ADDR",
        "Serve the numbers of .mlp/stats as Prometheus text at http://ADDR/metrics, and whether the mount lives at /healthz. ADDR is 127.0.0.1:9090, [::1]:9090, or :9090 for every address of this machine; port 0 takes one that is free, and the log names it. Whoever reaches the address can read them.",
        null,
        static t => ListenAddress.Parse(t[0]))
    {
        Group = How,
        DefaultText = "off",
    };

    public static readonly Setting<uint?> Uid = new("uid", "ID", "Owner of files whose store has none.", null, static t => SettingKinds.ParseId(t[0])) { Group = Look, DefaultText = "the mounting user" };

    public static readonly Setting<uint?> Gid = new("gid", "ID", "Group of files whose store has none.", null, static t => SettingKinds.ParseId(t[0])) { Group = Look, DefaultText = "the mounting user's" };

    public static readonly Setting<ushort?> FileMode = new("file-mode", "OCTAL", "Permissions of files whose store has none.", null, static t => SettingKinds.ParseMode(t[0])) { Group = Look, DefaultText = "0644" };

    public static readonly Setting<ushort?> DirMode = new("dir-mode", "OCTAL", "Permissions of directories whose store has none.", null, static t => SettingKinds.ParseMode(t[0])) { Group = Look, DefaultText = "0755" };

    public static readonly Setting<bool> AllowOther = Flag("allow-other", "Let other users in. Without root this needs user_allow_other in /etc/fuse.conf.", Look);

    public static readonly Setting<long> Memory = new(
        "memory", "SIZE", "Hard budget for all payload bytes of this process.", 512L << 20, static t => SettingKinds.ParseSize(t[0])) { Group = Limits, DefaultText = "512MiB" };

    public static readonly Setting<TimeSpan> ReadTimeout = new(
        "read-timeout", "TIME", "Deadline of one read; past it the reader gets EIO and the cause is logged.", TimeSpan.FromSeconds(60), static t => SettingKinds.ParseDuration(t[0]))
    {
        Group = Limits,
        DefaultText = "60s",
    };

    /// <summary>Only from mount(8), through <see cref="Mounting.MountHelper"/>.</summary>
    public static readonly Setting<bool> Sloppy = new("sloppy", null, "Ignore unknown options behind -o.", false, static t => SettingKinds.ParseFlag(t[0])) { IsPerCall = true };

    public static readonly Setting<bool> Fake = new("fake", null, "Do everything but mount.", false, static t => SettingKinds.ParseFlag(t[0])) { IsPerCall = true };

    public static IReadOnlyList<Setting> All { get; } =
    [
        Foreground, FstabOptions, Profile, NoPassthrough, CloneFd, NonEmpty, NoExec, StartTimeout, Metrics,
        Version, Follow, Live, Wait, MetadataTtl,
        Uid, Gid, FileMode, DirMode, AllowOther,
        Memory, ReadTimeout,
    ];

    private static Setting<bool> Flag(string name, string description, string group, char? letter = null) =>
        new(name, null, description, false, static t => SettingKinds.ParseFlag(t[0])) { Group = group, Short = letter };
}
