namespace Lean.Kernels.Tests;

/// <summary>The ways to cut a prompt on the grid.</summary>
public static class GridCuts
{
    /// <summary>Every set of cuts at multiples of 64, as the row counts of consecutive calls; not the uncut one.</summary>
    public static IEnumerable<int[]> Of(int length)
    {
        int[] places = [.. Enumerable.Range(1, Math.Max(0, (length - 1) / Grid.Cell)).Select(i => i * Grid.Cell)];
        for (int set = 1; set < 1 << places.Length; set++)
        {
            int[] cuts = [0, .. places.Where((_, i) => (set & (1 << i)) != 0), length];
            yield return [.. cuts.Skip(1).Zip(cuts, (end, start) => end - start)];
        }
    }
}
