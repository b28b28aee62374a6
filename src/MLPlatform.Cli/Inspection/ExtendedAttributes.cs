using System.Text;
using MLPlatform.Cli.Mounting;

namespace MLPlatform.Cli.Inspection;

/// <summary>Reads the <c>user.mlp.*</c> attributes of a path.</summary>
internal static unsafe class ExtendedAttributes
{
    private const string Prefix = "user.mlp.";

    // Linux allows 64 KiB for names and for one value.
    private const int MaxBytes = 64 << 10;

    /// <returns>Names without the prefix, and values, in order of name. Empty where the path has none.</returns>
    public static IReadOnlyList<(string Name, string Value)> Read(string path)
    {
        byte[] buffer = new byte[MaxBytes];
        fixed (byte* start = buffer)
        {
            nint length = NativeMethods.listxattr(path, start, MaxBytes);
            if (length < 0)
            {
                int errno = NativeMethods.LastErrno;
                return errno is NativeMethods.ENOTSUP or NativeMethods.ENODATA ? [] : throw new IOException($"{path}: {NativeMethods.Describe(errno)}");
            }

            string[] names = Encoding.UTF8.GetString(buffer, 0, (int)length).Split('\0', StringSplitOptions.RemoveEmptyEntries);
            List<(string, string)> values = [];
            foreach (string name in names.Where(static n => n.StartsWith(Prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal))
            {
                nint size = NativeMethods.getxattr(path, name, start, MaxBytes);
                if (size >= 0)
                {
                    values.Add((name[Prefix.Length..], Encoding.UTF8.GetString(buffer, 0, (int)size)));
                }
            }

            return values;
        }
    }
}
