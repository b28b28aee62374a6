using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using MLPlatform.Cli.Framework;
using MLPlatform.Core;

namespace MLPlatform.Cli.Demo;

/// <summary>Shows what the demo measured: one table and one sentence, or one JSON document.</summary>
internal static class DemoReport
{
    public static void Print(IReadOnlyList<DemoPass> passes, Terminal terminal)
    {
        List<string[]> rows = [["read", "files/s", "MiB/s", "CPU µs/file", "bytes from", "store requests", "store bytes"]];
        rows.AddRange(passes.Select(pass => new[]
        {
            pass.What,
            Number(pass.Files / pass.WallSeconds),
            Number(pass.Bytes / pass.WallSeconds / (1 << 20)),
            Number(pass.CpuSeconds * 1e6 / pass.Files),
            pass.Source,
            Number(pass.OriginRequests),
            ByteSize.Format(pass.OriginBytes),
        }));
        int line = 0;
        foreach (string text in TextTable.Format(rows, 1, 2, 3, 5, 6))
        {
            string color = line == 0 ? "1" : passes[line - 1].What switch
            {
                string what when what.EndsWith("cold", StringComparison.Ordinal) => "36",
                string what when what.EndsWith("preload", StringComparison.Ordinal) => "36",
                string what when what.EndsWith("preloaded", StringComparison.Ordinal) => "32",
                string what when what.EndsWith("warm", StringComparison.Ordinal) => "32",
                _ => "90",
            };
            terminal.WriteLine(terminal.Paint(color, text));
            line++;
        }

        terminal.WriteLine("");
        terminal.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"The store answers after {DemoScript.Latency.TotalMilliseconds:0} ms at {ByteSize.Format(DemoScript.BytesPerSecond)}/s; each byte came from it once for each of two cache directories. Warm reads came from the kernel's page cache, reads after the preload and a remount from the cache's disk, and neither asked it for anything."));
        terminal.WriteLine("Next: mlp mount s3://BUCKET/PREFIX DIR   (your credentials are found as every AWS tool finds them; mlp mount --help)");
    }

    public static string ToJson(IReadOnlyList<DemoPass> passes)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartArray();
            foreach (DemoPass pass in passes)
            {
                json.WriteStartObject();
                json.WriteString("read", pass.What);
                json.WriteString("bytes_from", pass.Source);
                json.WriteNumber("files", pass.Files);
                json.WriteNumber("bytes", pass.Bytes);
                json.WriteNumber("wall_s", Math.Round(pass.WallSeconds, 6));
                json.WriteNumber("cpu_s", Math.Round(pass.CpuSeconds, 6));
                json.WriteNumber("origin_requests", pass.OriginRequests);
                json.WriteNumber("origin_bytes", pass.OriginBytes);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static string Number(double value) => value.ToString(value >= 100 ? "N0" : "0.#", CultureInfo.InvariantCulture);
}
