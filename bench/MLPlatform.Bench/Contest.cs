using System.Globalization;

namespace MLPlatform.Bench;

/// <summary>
/// A table with a floor and a column for each candidate. A round adds one value to each cell; what is printed is the median and the range of the
/// ratios to the same round's floor.
/// </summary>
internal sealed class Contest(string title, IReadOnlyList<string> columns)
{
    private const int FloorColumn = -1;

    private readonly List<Row> _rows = [];

    public void Floor(string row, string unit, double value, string bar = "") => Add(row, unit, FloorColumn, value, bar);

    /// <param name="column">Index of the candidate.</param>
    public void Add(string row, string unit, int column, double value, string bar = "")
    {
        Row? found = _rows.Find(r => r.Name == row);
        if (found is null)
        {
            found = new Row(row, unit, columns.Count);
            _rows.Add(found);
        }

        found.Bar = bar.Length > 0 ? bar : found.Bar;
        found.Values[column - FloorColumn].Add(value);
    }

    /// <summary>Median of a column's ratios to the floor.</summary>
    public double Ratio(string row, int column) => Median(Ratios(_rows.Find(r => r.Name == row)!, column));

    public void Print()
    {
        Console.WriteLine($"\n{title}\n");
        Console.WriteLine($"| what | floor | {string.Join(" | ", columns)} | bar |");
        Console.WriteLine($"|---|---|{string.Concat(columns.Select(_ => "---|"))}---|");
        foreach (Row row in _rows)
        {
            IEnumerable<string> cells = Enumerable.Range(0, columns.Count).Select(column => Cell(row, column));
            List<double> floor = row.Values[0];
            Console.WriteLine($"| {row.Name}, {row.Unit} | {(floor.Count == 0 ? "–" : Spread(floor))} | {string.Join(" | ", cells)} | {row.Bar} |");
        }
    }

    private static string Cell(Row row, int column)
    {
        List<double> values = row.Values[column - FloorColumn];
        if (values.Count == 0)
        {
            return "–";
        }

        List<double> ratios = Ratios(row, column);
        return ratios.Count == 0 ? Spread(values) : string.Create(CultureInfo.InvariantCulture, $"{Figure(Median(values))}: {Spread(ratios)} ×");
    }

    private static List<double> Ratios(Row row, int column)
    {
        List<double> floor = row.Values[0];
        return [.. row.Values[column - FloorColumn].Take(floor.Count).Select((value, round) => value / floor[round]).Where(double.IsFinite)];
    }

    private static string Spread(List<double> values) => values.Count == 1
        ? Figure(values[0])
        : string.Create(CultureInfo.InvariantCulture, $"{Figure(Median(values))} ({Figure(values.Min())}–{Figure(values.Max())})");

    private static double Median(List<double> values) => values.Count == 0 ? double.NaN : values.Order().ElementAt(values.Count / 2);

    // Three figures are more than the spread allows.
    private static string Figure(double value) => value.ToString(Math.Abs(value) switch { >= 100 => "0", >= 10 => "0.0", >= 1 => "0.00", _ => "0.000" }, CultureInfo.InvariantCulture);

    private sealed class Row(string name, string unit, int columns)
    {
        public string Name => name;

        public string Unit => unit;

        public string Bar { get; set; } = "";

        /// <summary>The floor's, then each column's.</summary>
        public List<double>[] Values { get; } = [.. Enumerable.Range(0, columns + 1).Select(_ => new List<double>())];
    }
}
