using System.Text;

namespace MLPlatform.Cli.Framework;

/// <summary>Lines up columns with two spaces between them, for terminals and for awk alike.</summary>
internal static class TextTable
{
    /// <param name="rows">All with the same number of cells.</param>
    /// <param name="rightAligned">Columns that hold numbers.</param>
    public static IEnumerable<string> Format(IReadOnlyList<string[]> rows, params int[] rightAligned)
    {
        int columns = rows[0].Length;
        int[] widths = [.. Enumerable.Range(0, columns).Select(column => rows.Max(row => row[column].Length))];
        foreach (string[] row in rows)
        {
            StringBuilder line = new();
            for (int column = 0; column < columns; column++)
            {
                if (column > 0)
                {
                    line.Append("  ");
                }

                line.Append(rightAligned.Contains(column) ? row[column].PadLeft(widths[column]) : row[column].PadRight(widths[column]));
            }

            yield return line.ToString().TrimEnd();
        }
    }
}
