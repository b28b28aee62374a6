using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace MLPlatform.Lab;

/// <summary>
/// Debian's dataset-fashion-mnist (70,000 labelled images of 28 × 28 in two IDX files) written out as training jobs like it least: one small image
/// file each, <c>train/7/00042.pgm</c>, named by label and place. The same bytes on every machine.
/// </summary>
public static class FashionMnist
{
    private const string Root = "/usr/share/datasets/fashion-mnist";
    private const uint ImagesMagic = 0x803;
    private const uint LabelsMagic = 0x801;

    // Raise it when names or bytes change: it names the folder that keeps them.
    private const int WriterVersion = 1;

    private static readonly (string Name, string File)[] s_parts = [("train", "train"), ("test", "t10k")];

    /// <summary>Why it cannot be had here, with the remedy; null when it can.</summary>
    public static string? SkipReason => Directory.Exists(Root) ? null : "needs dataset-fashion-mnist: apt-get install dataset-fashion-mnist";

    /// <summary>Gives a directory with the first <paramref name="images"/> of the training images, or with all 70,000; made at the first use and kept.</summary>
    public static string Get(DataCache cache, int images = int.MaxValue)
    {
        string path = Path.Combine(cache.Root, string.Create(CultureInfo.InvariantCulture, $"fashion-mnist-{WriterVersion}-{Math.Min(images, 70_000)}"));
        if (Directory.Exists(path))
        {
            return path;
        }

        string temporary = Path.Combine(cache.Root, $".making-{Guid.NewGuid():N}");
        Write(temporary, images);
        try
        {
            Directory.Move(temporary, path);
        }
        catch (IOException) when (Directory.Exists(path))
        {
            // Another process was faster; its files are the same.
            Directory.Delete(temporary, recursive: true);
        }

        return path;
    }

    private static void Write(string directory, int images)
    {
        foreach ((string name, string file) in s_parts)
        {
            using BinaryReader pictures = Open($"{file}-images-idx3-ubyte.gz");
            using BinaryReader labels = Open($"{file}-labels-idx1-ubyte.gz");
            Expect(pictures, ImagesMagic);
            Expect(labels, LabelsMagic);
            int count = (int)Next(pictures);
            Expect(labels, (uint)count);
            int height = (int)Next(pictures);
            int width = (int)Next(pictures);
            byte[] head = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"P5\n{width} {height}\n255\n"));
            for (int label = 0; label < 10; label++)
            {
                Directory.CreateDirectory(Path.Combine(directory, name, label.ToString(CultureInfo.InvariantCulture)));
            }

            for (int i = 0; i < count && images > 0; i++, images--)
            {
                byte[] picture = pictures.ReadBytes(width * height);
                string path = string.Create(CultureInfo.InvariantCulture, $"{name}/{labels.ReadByte()}/{i:D5}.pgm");
                File.WriteAllBytes(Path.Combine(directory, path), [.. head, .. picture]);
            }
        }
    }

    private static BinaryReader Open(string file) => new(new GZipStream(File.OpenRead(Path.Combine(Root, file)), CompressionMode.Decompress));

    private static uint Next(BinaryReader reader) => BinaryPrimitives.ReadUInt32BigEndian(reader.ReadBytes(sizeof(uint)));

    private static void Expect(BinaryReader reader, uint value)
    {
        if (Next(reader) is var found && found != value)
        {
            throw new InvalidDataException($"An IDX file of Fashion-MNIST has {found:x} where {value:x} belongs.");
        }
    }
}
