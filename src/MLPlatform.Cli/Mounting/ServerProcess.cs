using System.Runtime.InteropServices;
using System.Text;
using MLPlatform.Core;

namespace MLPlatform.Cli.Mounting;

/// <summary>
/// A second copy of this program in a session of its own: no terminal, stdin from /dev/null, stdout and stderr into its log, and
/// the writing end of a pipe as descriptor 3. Made by posix_spawn because the runtime's Process can neither start a
/// session nor hand on a descriptor.
/// </summary>
internal sealed unsafe class ServerProcess
{
    /// <summary>The child's end of the readiness pipe.</summary>
    public const int ReadyDescriptor = 3;

    /// <summary>Names the descriptor to the child, which takes the variable out of its environment at once.</summary>
    public const string ReadyVariable = "MLP_READY_FD";

    private int? _status;

    private ServerProcess(int pid, int readyPipe)
    {
        Pid = pid;
        ReadyPipe = readyPipe;
    }

    public int Pid { get; }

    /// <summary>The reading end; the caller closes it.</summary>
    public int ReadyPipe { get; }

    /// <param name="arguments">Those of this process, without its name.</param>
    /// <param name="outputPath">Gets what the child writes to stdout and stderr: the last words of a crash.</param>
    public static ServerProcess Start(IReadOnlyList<string> arguments, string outputPath)
    {
        int* pipe = stackalloc int[2];
        if (NativeMethods.pipe2(pipe, NativeMethods.O_CLOEXEC) < 0)
        {
            throw new CacheException(CacheError.Unsupported, $"Cannot make a pipe: {NativeMethods.Describe(NativeMethods.LastErrno)}.");
        }

        byte* actions = stackalloc byte[NativeMethods.SpawnStructBytes];
        byte* attributes = stackalloc byte[NativeMethods.SpawnStructBytes];
        byte* signals = stackalloc byte[128]; // sizeof(sigset_t)
        _ = NativeMethods.posix_spawn_file_actions_init(actions);
        _ = NativeMethods.posix_spawnattr_init(attributes);
        byte** argv = null;
        byte** envp = null;
        try
        {
            // The pipe first: should it be descriptor 0, 1 or 2, the next lines would close it.
            _ = NativeMethods.posix_spawn_file_actions_adddup2(actions, pipe[1], ReadyDescriptor);
            _ = NativeMethods.posix_spawn_file_actions_addopen(actions, 0, "/dev/null", NativeMethods.O_RDONLY, 0);
            _ = NativeMethods.posix_spawn_file_actions_addopen(actions, 1, outputPath, NativeMethods.O_WRONLY | NativeMethods.O_CREAT | NativeMethods.O_APPEND, NativeMethods.LogFileMode);
            _ = NativeMethods.posix_spawn_file_actions_adddup2(actions, 1, 2);
            CloseTheRest(actions);

            _ = NativeMethods.sigfillset(signals);
            _ = NativeMethods.posix_spawnattr_setsigdefault(attributes, signals);
            _ = NativeMethods.sigemptyset(signals);
            _ = NativeMethods.posix_spawnattr_setsigmask(attributes, signals);
            _ = NativeMethods.posix_spawnattr_setflags(
                attributes, NativeMethods.POSIX_SPAWN_SETSID | NativeMethods.POSIX_SPAWN_SETSIGDEF | NativeMethods.POSIX_SPAWN_SETSIGMASK);

            (string program, IEnumerable<string> first) = Myself();
            argv = ToNative([.. first, .. arguments]);
            envp = ToNative([.. EnvironmentLines()]);
            int pid;
            int error = NativeMethods.posix_spawn(&pid, program, actions, attributes, argv, envp);
            if (error != 0)
            {
                _ = NativeMethods.close(pipe[0]);
                throw new CacheException(CacheError.Unsupported, $"Cannot start the mount server: {NativeMethods.Describe(error)}.");
            }

            return new ServerProcess(pid, pipe[0]);
        }
        finally
        {
            _ = NativeMethods.close(pipe[1]);
            _ = NativeMethods.posix_spawn_file_actions_destroy(actions);
            _ = NativeMethods.posix_spawnattr_destroy(attributes);
            Free(argv);
            Free(envp);
        }
    }

    /// <returns>How it ended ("exit code 1", "signal 9"), or null while it runs.</returns>
    public string? TryReap()
    {
        if (_status is null)
        {
            int status;
            if (NativeMethods.waitpid(Pid, &status, NativeMethods.WNOHANG) != Pid)
            {
                return null;
            }

            _status = status;
        }

        int ended = _status.Value;
        int signal = ended & 0x7F; // WTERMSIG
        return signal == 0 ? $"exit code {(ended >> 8) & 0xFF}" : $"signal {signal}";
    }

    /// <summary>Asks it to end, waits, and kills it when it does not.</summary>
    public void Stop(TimeSpan patience)
    {
        _ = NativeMethods.kill(Pid, NativeMethods.SIGTERM);
        if (!WaitForExit(patience))
        {
            _ = NativeMethods.kill(Pid, NativeMethods.SIGKILL);
            WaitForExit(TimeSpan.FromSeconds(5));
        }
    }

    public bool WaitForExit(TimeSpan patience)
    {
        long end = Environment.TickCount64 + (long)patience.TotalMilliseconds;
        while (TryReap() is null)
        {
            if (Environment.TickCount64 >= end)
            {
                return false;
            }

            Thread.Sleep(5); // A child that ends raises no event that we could wait on with a deadline.
        }

        return true;
    }

    // The published program is one file; in development /proc/self/exe may be the dotnet host, which wants the assembly first.
    public static (string Program, IEnumerable<string> First) Myself()
    {
        string program = Environment.ProcessPath ?? "/proc/self/exe";
        return Path.GetFileNameWithoutExtension(program) == "dotnet"
            ? (program, ["dotnet", Path.Combine(AppContext.BaseDirectory, "mlp.dll")])
            : (program, ["mlp"]);
    }

    private static IEnumerable<string> EnvironmentLines()
    {
        foreach (System.Collections.DictionaryEntry entry in Environment.GetEnvironmentVariables())
        {
            if ((string)entry.Key != ReadyVariable)
            {
                yield return $"{entry.Key}={entry.Value}";
            }
        }

        yield return $"{ReadyVariable}={ReadyDescriptor}";
    }

    // A descriptor that our own parent leaked to us (the writing end of a shell's pipe, say) must not live as long as the mount.
    private static void CloseTheRest(byte* actions)
    {
        try
        {
            _ = NativeMethods.posix_spawn_file_actions_addclosefrom_np(actions, ReadyDescriptor + 1);
        }
        catch (EntryPointNotFoundException)
        {
            // glibc before 2.34: what we opened ourselves is close-on-exec anyway.
        }
    }

    private static byte** ToNative(IReadOnlyList<string> texts)
    {
        byte** list = (byte**)NativeMemory.AllocZeroed((nuint)(texts.Count + 1), (nuint)sizeof(byte*));
        for (int i = 0; i < texts.Count; i++)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(texts[i]);
            list[i] = (byte*)NativeMemory.AllocZeroed((nuint)bytes.Length + 1);
            bytes.CopyTo(new Span<byte>(list[i], bytes.Length));
        }

        return list;
    }

    private static void Free(byte** list)
    {
        if (list is null)
        {
            return;
        }

        for (int i = 0; list[i] is not null; i++)
        {
            NativeMemory.Free(list[i]);
        }

        NativeMemory.Free(list);
    }
}
