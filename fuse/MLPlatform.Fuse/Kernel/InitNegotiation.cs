namespace MLPlatform.Fuse.Kernel;

/// <summary>Answers INIT: takes of the kernel's offer what the options want, and falls back where an older kernel offers less.</summary>
internal static class InitNegotiation
{
    public const uint Major = 7;

    // What we answer; the kernel adapts its structs to it. 40 is the first with FUSE_PASSTHROUGH and max_stack_depth.
    public const uint Minor = 40;

    // 32 pages was the fixed ceiling before MAX_PAGES (Linux 4.20).
    private const int PagesWithoutMaxPages = 32;

    public static FuseCapabilities Answer(in InitIn init, bool hasFlags2, FuseSessionOptions options, out InitOut answer)
    {
        InitFlags offered = (InitFlags)init.Flags;
        if (hasFlags2 && offered.HasFlag(InitFlags.InitExt))
        {
            offered |= (InitFlags)((ulong)init.Flags2 << 32);
        }

        // Not ASYNC_DIO: with it a read(2) by O_DIRECT waits in fuse_direct_IO where no signal reaches it, not even SIGKILL.
        // ExplicitInvalData: versions are immutable, so pages fall only when we say so, never because mtime moved.
        InitFlags wanted = InitFlags.AsyncRead | InitFlags.NoOpenSupport | InitFlags.NoOpenDirSupport
            | InitFlags.ParallelDirOps | InitFlags.AbortError | InitFlags.MaxPages | InitFlags.CacheSymlinks
            | InitFlags.ExplicitInvalData | InitFlags.InitExt | InitFlags.DirectIoAllowMmap | InitFlags.NoExportSupport | InitFlags.HasResend;
        if (options.ReadDirPlus)
        {
            wanted |= InitFlags.DoReadDirPlus;
        }

        if (options.Passthrough)
        {
            wanted |= InitFlags.Passthrough;
        }

        InitFlags taken = offered & wanted;
        int pages = taken.HasFlag(InitFlags.MaxPages) ? options.MaxPages : PagesWithoutMaxPages;
        answer = new InitOut
        {
            Major = Major,
            Minor = Math.Min(Minor, init.Minor),
            MaxReadahead = Math.Min(init.MaxReadahead, (uint)options.ReadaheadBytes),
            Flags = (uint)taken,
            Flags2 = (uint)((ulong)taken >> 32),
            MaxBackground = (ushort)options.MaxBackground,
            CongestionThreshold = (ushort)(options.MaxBackground * 3 / 4),
            MaxWrite = (uint)options.MaxWriteBytes,
            TimeGranularity = 1,
            MaxPages = (ushort)pages,

            // Passthrough is silently off unless this is 1 or 2.
            MaxStackDepth = taken.HasFlag(InitFlags.Passthrough) ? (uint)options.MaxStackDepth : 0,
        };
        return new FuseCapabilities
        {
            ProtocolMinor = init.Minor,
            NoOpen = taken.HasFlag(InitFlags.NoOpenSupport),
            Passthrough = taken.HasFlag(InitFlags.Passthrough),
            Resend = taken.HasFlag(InitFlags.HasResend),
            MaxReadBytes = pages * 4096,
        };
    }
}
