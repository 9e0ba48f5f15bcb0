using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// Joins the spans that <see cref="AttentionRows"/> made of a row and head: 64 columns a group, sixteen lanes of spans. Lane l
/// adds spans l, l + 16, … and the lanes are added in their order, all relative to the largest score of the row and head.
/// </summary>
public static class AttentionJoin
{
    /// <summary>Columns of a group.</summary>
    public const int Columns = 64;

    private const int Threads = 256;
    private const int Warps = Threads / 32;
    private const int Quads = Columns / 4;
    private const int SpanLanes = Threads / Quads;
    private const int Ahead = 4;
    private const int Cell = AttentionMath.Cell;

    /// <summary>Writes the output of rows that see more than one span.</summary>
    /// <param name="projected">For the gates.</param>
    /// <param name="segments">All of the step.</param>
    /// <param name="sums">Σ weight · v of each span; row l is row <paramref name="firstRow"/> + l of the step.</param>
    /// <param name="totals">The largest score and Σ weight.</param>
    /// <param name="output">f32.</param>
    /// <param name="sequences">S.</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="dim">D, a multiple of 64.</param>
    /// <param name="columns">D-wide columns of a projected row.</param>
    /// <param name="spans">The most spans that a row may have.</param>
    /// <param name="firstRow">The first of the rows.</param>
    [Kernel("paged_attention_rows_join", Threads, groups: "*", Unroll = true)]
    [Cuda("sm_80", GroupsTogether = 4)]
    public static void Run(
        [Shape("T", "P", "D")] ArrayView<float> projected,
        [Shape("S", "4")] ArrayView<int> segments,
        [Shape("L", "Heads", "Spans", "D")] ArrayView<float> sums,
        [Shape("L", "Heads", "Spans", "2")] ArrayView<float> totals,
        [Shape("T", "Heads", "D")] ArrayView<float> output,
        [Extent("S")] int sequences,
        [Extent("Heads")] int heads,
        [Extent("D")] int dim,
        [Extent("P")] int columns,
        [Extent("Spans")] int spans,
        int firstRow)
    {
        ArrayView<float> parts = SharedMemory.Allocate<float>(SpanLanes * Columns);
        ArrayView<float> weightParts = SharedMemory.Allocate<float>(SpanLanes);
        ArrayView<float> maxima = SharedMemory.Allocate<float>(Warps);
        DependentLaunch.Allow();
        int thread = Group.IdxX, pieces = dim / Columns, firstColumn = Grid.IdxX % pieces * Columns, place = Grid.IdxX / pieces;
        int head = place % heads, row = firstRow + (place / heads);
        int segment = AttentionCells.Segment(segments, sequences, row), named = Math.Max(segment, 0);
        int position = segment < 0 ? -1 : AttentionCells.Position(segments, named) + row - AttentionCells.First(segments, named);
        int span = AttentionRows.SpanCells(position) * Cell, count = (position + span) / span;
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

            int quad = thread % Quads, lane = thread / Quads;
            float a = 0, b = 0, c = 0, d = 0, weights = 0;
            for (int from = lane; from < count; from += SpanLanes * Ahead)
            {
                for (int u = 0; u < Ahead; u++)
                {
                    // Spans past the last add nothing.
                    bool inside = from + (u * SpanLanes) < count;
                    long part = first + (inside ? from + (u * SpanLanes) : from);
                    U4 sum = WideAccess.Load(ref sums[(part * dim) + firstColumn + (quad * 4)]);
                    float share = inside ? AttentionMath.Shrink(totals[part * 2], largest) : 0;
                    weights = Scalar.Fma(totals[(part * 2) + 1], share, weights);
                    a = Scalar.Fma(Interop.IntAsFloat(sum.X), share, a);
                    b = Scalar.Fma(Interop.IntAsFloat(sum.Y), share, b);
                    c = Scalar.Fma(Interop.IntAsFloat(sum.Z), share, c);
                    d = Scalar.Fma(Interop.IntAsFloat(sum.W), share, d);
                }
            }

            int at = (lane * Columns) + (quad * 4);
            parts[at] = a;
            parts[at + 1] = b;
            parts[at + 2] = c;
            parts[at + 3] = d;
            if (quad == 0)
            {
                weightParts[lane] = weights;
            }

            Group.Barrier();
            if (thread < Columns)
            {
                float mixed = parts[thread], sum = weightParts[0];
                for (int i = 1; i < SpanLanes; i++)
                {
                    mixed += parts[(i * Columns) + thread];
                    sum += weightParts[i];
                }

                long target = ((((long)row * heads) + head) * dim) + firstColumn + thread;
                float gate = projected[((((long)row * columns) + (2 * head) + 1) * dim) + firstColumn + thread];
                output[target] = AttentionMath.Finish(mixed, sum, gate);
            }
        }
    }
}
