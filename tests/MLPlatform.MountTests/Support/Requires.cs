using Xunit;

namespace MLPlatform.MountTests.Support;

/// <summary>What a test cannot do without; says which package gives it.</summary>
public static class Requires
{
    public static void Fuse() => Skip.IfNot(File.Exists("/dev/fuse"), "needs /dev/fuse");

    public static void Root() => Skip.IfNot(Environment.UserName == "root", "needs root");

    public static void Program(string name, string package) =>
        Skip.IfNot(
            (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(directory => File.Exists(Path.Combine(directory, name))),
            $"needs {name}: apt-get install {package}");
}
