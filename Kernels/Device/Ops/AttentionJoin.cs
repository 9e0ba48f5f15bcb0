using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// Joins the spans that <see cref="AttentionRows"/> made of a row and head in sixteen lanes. Lane l adds spans l, l + 16, … and
/// the lanes are added in their order, all relative to the largest score of the row and head. A group has 64 columns, so that
/// few rows keep a device busy, or all 256, whose threads then have four lanes each: no bit is another for it.
/// </summary>
public static class AttentionJoin
{
    private const int Threads = 256;
    private const int Warps = Threads / 32;
    private const int SpanLanes = 16;

    // Spans of a thread that are on their way together.
    private const int Ahead = 4;
    private const int Cell = AttentionMath.Cell;

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
    [Kernel("paged_attention_rows_join", Threads, groups: "*", Unroll = true)]
    [Instance("columns64", typeof(ColumnTile64), typeof(NumberRows))]
    [Instance("columns256", typeof(ColumnTile256), typeof(NumberRows))]
    [Instance("columns64_pieces", typeof(ColumnTile64), typeof(PieceRows))]
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
        ArrayView<float> parts = SharedMemory.Allocate<float>(SpanLanes * TColumns.Columns);
        ArrayView<float> weightParts = SharedMemory.Allocate<float>(SpanLanes);
        ArrayView<float> maxima = SharedMemory.Allocate<float>(Warps);
        DependentLaunch.Allow();
        int thread = Group.IdxX, pieces = dim / TColumns.Columns, firstColumn = Grid.IdxX % pieces * TColumns.Columns, place = Grid.IdxX / pieces;
        int head = place % heads, row = firstRow + (place / heads);
        int segment = AttentionCells.Segment(segments, sequences, row), named = Math.Max(segment, 0);
        int position = segment < 0 ? -1 : AttentionCells.Position(segments, named) + row - AttentionCells.First(segments, named);
        int span = AttentionRuns.SpanCells(position) * Cell, count = (position + span) / span;
        long first = (long)place * spans;
        DependentLaunch.Wait();
        if (count > 1)
        {
            float largest = AttentionMath.Unseen;
            for (int i = thread; i < count; i += Threads)
            {
                largest = AttentionMath.Larger(totals[(first + i) * 2], largest);
            }

            largest = AttentionMath.Larger(largest, Lanes.Xor(largest, 16));
            largest = AttentionMath.Larger(largest, Lanes.Xor(largest, 8));
            largest = AttentionMath.Larger(largest, Lanes.Xor(largest, 4));
            largest = AttentionMath.Larger(largest, Lanes.Xor(largest, 2));
            largest = AttentionMath.Larger(largest, Lanes.Xor(largest, 1));
            if ((thread & 31) == 0)
            {
                maxima[thread >> 5] = largest;
            }

            Group.Barrier();
            for (int w = 0; w < Warps; w++)
            {
                largest = AttentionMath.Larger(largest, maxima[w]);
            }

            int quads = TColumns.Columns / 4, quad = thread % quads, firstLane = thread / quads;
            var added = new float[Own<TColumns>() * 5];
            for (int i = 0; i < Own<TColumns>() * 5; i++)
            {
                added[i] = 0;
            }

            for (int from = firstLane; from < count; from += Ahead * (Threads / quads))
            {
                for (int u = 0; u < Ahead; u++)
                {
                    // Spans past the last add nothing.
                    int at = u % Own<TColumns>() * 5, number = from + (u * (Threads / quads));
                    bool inside = number < count;
                    long part = first + (inside ? number : from);
                    U4 mixed = WideAccess.Load(ref sums[(part * dim) + firstColumn + (quad * 4)]);
                    float share = AttentionMath.Shrink(totals[part * 2], largest), weight = totals[(part * 2) + 1];
                    added[at] = inside ? Scalar.Fma(Interop.IntAsFloat(mixed.X), share, added[at]) : added[at];
                    added[at + 1] = inside ? Scalar.Fma(Interop.IntAsFloat(mixed.Y), share, added[at + 1]) : added[at + 1];
                    added[at + 2] = inside ? Scalar.Fma(Interop.IntAsFloat(mixed.Z), share, added[at + 2]) : added[at + 2];
                    added[at + 3] = inside ? Scalar.Fma(Interop.IntAsFloat(mixed.W), share, added[at + 3]) : added[at + 3];
                    added[at + 4] = inside ? Scalar.Fma(weight, share, added[at + 4]) : added[at + 4];
                }
            }

            for (int i = 0; i < Own<TColumns>(); i++)
            {
                int lane = firstLane + (i * (Threads / quads)), at = (lane * TColumns.Columns) + (quad * 4);
                parts[at] = added[i * 5];
                parts[at + 1] = added[(i * 5) + 1];
                parts[at + 2] = added[(i * 5) + 2];
                parts[at + 3] = added[(i * 5) + 3];
                if (quad == 0)
                {
                    weightParts[lane] = added[(i * 5) + 4];
                }
            }

            Group.Barrier();
            if (thread < TColumns.Columns)
            {
                float mixed = parts[thread], weights = weightParts[0];
                for (int i = 1; i < SpanLanes; i++)
                {
                    mixed += parts[(i * TColumns.Columns) + thread];
                    weights += weightParts[i];
                }

                int k = (head * dim) + firstColumn + thread;
                float gate = projected[((((long)row * columns) + (2 * head) + 1) * dim) + firstColumn + thread];
                float value = AttentionMath.Finish(mixed, weights, gate);
                if (TForm.ArePieces)
                {
                    RowTermPieces.StoreHalf(
                        terms, RowTermPieces.Place(row, k, termBlocks, eightsShift, termCount), eightsShift, termCount, value, Lanes.Xor(value, 1), (thread & 1) != 0);
                }
                else
                {
                    output[((long)row * heads * dim) + k] = value;
                }
            }
        }
    }

    // Lanes of spans of a thread.
    private static int Own<TColumns>()
        where TColumns : struct, IColumnTile => TColumns.Columns / 64;
}
