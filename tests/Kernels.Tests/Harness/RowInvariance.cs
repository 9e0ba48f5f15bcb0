namespace Lean.Kernels.Tests;

/// <summary>A row's bits must not depend on how many rows run with it, nor on its place among them.</summary>
public static class RowInvariance
{
    /// <summary>Runs every row alone, then in batches of many sizes and orders, and compares the bits.</summary>
    /// <param name="total">Rows there are.</param>
    /// <param name="run">Runs the chosen rows in the order given; outputs have one row for each.</param>
    public static void Check(int total, Func<int[], Outputs> run)
    {
        Outputs[] alone = [.. Enumerable.Range(0, total).Select(row => run([row]))];
        var failures = new Failures();
        foreach (int size in Numbers.Rows.Where(size => size > 1 && size <= total))
        {
            int[] rows = Numbers.Shuffled(size, total)[..size];
            Outputs together = run(rows);
            for (int i = 0; i < size; i++)
            {
                failures.Add($"row {rows[i]} among {size}", Compare.Rows(alone[rows[i]], 0, together, i));
            }
        }

        failures.Assert();
    }
}
