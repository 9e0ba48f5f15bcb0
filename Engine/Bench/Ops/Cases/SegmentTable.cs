using Lean.Kernels;

namespace Lean.Engine.Bench.Ops;

/// <summary>Segment tensors of benchmarks (see <see cref="Segments"/>).</summary>
internal static class SegmentTable
{
    /// <summary>Prompt rows: one sequence in slot 0. Generated rows: a sequence each, in the slot of its row.</summary>
    /// <param name="rows">T.</param>
    /// <param name="rowClass">The rows' class.</param>
    /// <param name="firstPosition">Where each segment begins.</param>
    public static int[] Of(int rows, RowClass rowClass, int firstPosition) => rowClass == RowClass.Prompt
        ? [0, rows, firstPosition, 0]
        : [.. Enumerable.Range(0, rows).SelectMany(row => (int[])[row, 1, firstPosition, row])];
}
