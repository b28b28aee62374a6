using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using MLPlatform.Fuse;

// The smallest file system: one directory with one file.   dotnet run -- /mnt/hello
if (args.Length != 1 || !Directory.Exists(args[0]))
{
    Console.Error.WriteLine("usage: HelloFs DIR   (an existing directory; end it with Ctrl-C or umount DIR)");
    return 2;
}

string directory = Path.GetFullPath(args[0]);
SafeFileHandle device = FuseMount.Mount(new FuseMountOptions { Directory = directory, Source = "hello", Subtype = "hello" });
using FuseSession session = new(new HelloFs.HelloFileSystem(), device, new FuseSessionOptions(), NullLogger.Instance);
session.Start();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    FuseMount.Unmount(directory, lazy: true);
};
await session.Completion;
return 0;
