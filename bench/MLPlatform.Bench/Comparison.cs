using System.Globalization;

namespace MLPlatform.Bench;

/// <summary>Pairs of a floor and a measurement of the same run, and what came out of them.</summary>
internal sealed class Comparison(string what, string unit)
{
    private readonly List<(double Floor, double Measured)> _pairs = [];

    public void Add(double floor, double measured) => _pairs.Add((floor, measured));

    /// <summary>Median of the ratios pair by pair, and their range.</summary>
    public (double Median, double Min, double Max) Ratio
    {
        get
        {
            double[] ratios = [.. _pairs.Select(pair => pair.Measured / pair.Floor).Order()];
            return (ratios[ratios.Length / 2], ratios[0], ratios[^1]);
        }
    }

    public void Print(string bar)
    {
        (double median, double min, double max) = Ratio;
        double floor = Median(_pairs.Select(pair => pair.Floor));
        double measured = Median(_pairs.Select(pair => pair.Measured));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {what} | {floor:0.###} {unit} | {measured:0.###} {unit} | {median:0.00} ({min:0.00}–{max:0.00}, {_pairs.Count} pairs) | {bar} |"));
    }

    public static void PrintHeader(string title)
    {
        Console.WriteLine($"\n{title}\n");
        Console.WriteLine("| what | floor | measured | ratio: median (range) | bar |\n|---|---|---|---|---|");
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }
}
