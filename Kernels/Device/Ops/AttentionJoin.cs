using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// Joins the spans that <see cref="AttentionRows"/> made of a row and head in sixteen lanes. Lane l adds spans l, l + 16, … and
/// the lanes are added in their order, all relative to the largest score of the row and head. A group has 64 columns, so that
/// few rows keep a device busy, or all 256, whose threads then have four lanes each: no bit is another for it. In no more registers than five groups
/// leave each other, one row's join of heads of 256 in 64 columns takes 1.8 µs less, and many rows' in 256 take 5 µs more; other heads were not measured.
/// </summary>
public static class AttentionJoin
{
    /// <summary>Writes the output of rows that see more than one span.</summary>
    /// <param name="projected">For the gates.</param>
    /// <param name="segments">All of the step.</param>
    /// <param name="sums">Σ weight · v of each span; row l is row <paramref name="firstRow"/> + l of the step.</param>
    /// <param name="totals">The largest score and Σ weight.</param>
    /// <param name="output">f32.</param>
    /// <param name="terms">Pairs of bf16, as <see cref="AttentionRows"/> takes them.</param>
    /// <param name="sequences">S.</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="dim">D, a multiple of 64.</param>
    /// <param name="columns">D-wide columns of a projected row.</param>
    /// <param name="spans">The most spans that a row may have.</param>
    /// <param name="firstRow">The first of the rows.</param>
    /// <param name="termBlocks">Blocks of 32 along k of the pieces.</param>
    /// <param name="eightsShift">Eights of rows of a tile, as a power of two.</param>
    /// <param name="termCount">Terms of a number.</param>
    [Kernel("paged_attention_rows_join", AttentionLanes.Threads, groups: "*", Unroll = true)]
    [Instance("columns64", typeof(ColumnTile64), typeof(NumberRows), GroupsTogether = 5)]
    [Instance("columns256", typeof(ColumnTile256), typeof(NumberRows))]
    [Instance("columns64_pieces", typeof(ColumnTile64), typeof(PieceRows), GroupsTogether = 5)]
    [Instance("columns256_pieces", typeof(ColumnTile256), typeof(PieceRows))]
    [Cuda("sm_80", GroupsTogether = 4)]
    public static void Run<TColumns, TForm>(
        [Shape("T", "P", "D")] ArrayView<float> projected,
        [Shape("S", "4")] ArrayView<int> segments,
        [Shape("L", "Heads", "Spans", "D")] ArrayView<float> sums,
        [Shape("L", "Heads", "Spans", "2")] ArrayView<float> totals,
        [Shape("T", "Heads", "D")] ArrayView<float> output,
        [Shape("N", "W")] ArrayView<int> terms,
        [Extent("S")] int sequences,
        [Extent("Heads")] int heads,
        [Extent("D")] int dim,
        [Extent("P")] int columns,
        [Extent("Spans")] int spans,
        int firstRow,
        int termBlocks,
        int eightsShift,
        int termCount)
        where TColumns : struct, IColumnTile
        where TForm : struct, IRowForm
    {
        ArrayView<float> laneSums = SharedMemory.Allocate<float>(AttentionLanes.Count * TColumns.Columns);
        ArrayView<float> laneWeights = SharedMemory.Allocate<float>(AttentionLanes.Count);
        ArrayView<float> maxima = SharedMemory.Allocate<float>(AttentionLanes.Warps);
        DependentLaunch.Allow();
        int thread = Group.IdxX, pieces = dim / TColumns.Columns, firstColumn = Grid.IdxX % pieces * TColumns.Columns, place = Grid.IdxX / pieces;
        int head = place % heads, row = firstRow + (place / heads);
        int segment = AttentionCells.Segment(segments, sequences, row), named = Math.Max(segment, 0);
        int position = segment < 0 ? -1 : AttentionCells.Position(segments, named) + row - AttentionCells.First(segments, named);
        int count = AttentionRuns.Count(position);
        long first = (long)place * spans;
        DependentLaunch.Wait();
        if (count > 1)
        {
            float largest = AttentionMath.Unseen;
            for (int i = thread; i < count; i += AttentionLanes.Threads)
            {
                largest = AttentionMath.Larger(totals[(first + i) * 2], largest);
            }

            largest = AttentionLanes.Largest(largest, maxima);
            int quads = TColumns.Columns / 4, step = AttentionLanes.Threads / quads, quad = thread % quads, firstLane = thread / quads;
            var added = new float[AttentionLanes.Own<TColumns>() * AttentionLanes.Numbers];
            for (int i = 0; i < AttentionLanes.Own<TColumns>() * AttentionLanes.Numbers; i++)
            {
                added[i] = 0;
            }

            AttentionLanes.Add<TColumns>(added, sums, totals, first, count, firstLane, step, dim, firstColumn + (quad * 4), largest);
            AttentionLanes.Leave<TColumns>(added, laneSums, laneWeights, firstLane, step, quad, turns: 0);
            AttentionLanes.Finish<TColumns, TForm>(
                laneSums, laneWeights, projected, output, terms, row, heads, head, dim, columns, firstColumn, termBlocks, eightsShift, termCount);
        }
    }
}
