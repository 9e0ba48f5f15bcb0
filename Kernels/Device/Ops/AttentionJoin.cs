using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// Joins the parts that <see cref="AttentionRows"/> made of a row and head: 64 columns a group, sixteen lanes of runs. Where
/// parts are spans, those of a run are joined first. Lane l adds runs l, l + 16, … and the lanes are added in their order, all
/// relative to the largest score of the row and head.
/// </summary>
public static class AttentionJoin
{
    /// <summary>Columns of a group.</summary>
    public const int Columns = 64;

    private const int Threads = 256;
    private const int Warps = Threads / 32;
    private const int Quads = Columns / 4;
    private const int RunLanes = Threads / Quads;
    private const int Cell = AttentionMath.Cell;

    /// <summary>Writes the output of rows that see more than one span.</summary>
    /// <param name="projected">For the gates.</param>
    /// <param name="segments">All of the step.</param>
    /// <param name="sums">Σ weight · v of each part; row l is row <paramref name="firstRow"/> + l of the step.</param>
    /// <param name="totals">The largest score and Σ weight.</param>
    /// <param name="output">f32.</param>
    /// <param name="sequences">S.</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="dim">D, a multiple of 64.</param>
    /// <param name="columns">D-wide columns of a projected row.</param>
    /// <param name="parts">The most parts that a row may have.</param>
    /// <param name="firstRow">The first of the rows.</param>
    /// <param name="groupSpans">1 where a part is a span.</param>
    [Kernel("paged_attention_rows_join", Threads, groups: "*", Unroll = true)]
    [Cuda("sm_80", GroupsTogether = 4)]
    public static void Run(
        [Shape("T", "P", "D")] ArrayView<float> projected,
        [Shape("S", "4")] ArrayView<int> segments,
        [Shape("L", "Heads", "Parts", "D")] ArrayView<float> sums,
        [Shape("L", "Heads", "Parts", "2")] ArrayView<float> totals,
        [Shape("T", "Heads", "D")] ArrayView<float> output,
        [Extent("S")] int sequences,
        [Extent("Heads")] int heads,
        [Extent("D")] int dim,
        [Extent("P")] int columns,
        [Extent("Parts")] int parts,
        int firstRow,
        int groupSpans)
    {
        ArrayView<float> mixedParts = SharedMemory.Allocate<float>(RunLanes * Columns);
        ArrayView<float> weightParts = SharedMemory.Allocate<float>(RunLanes);
        ArrayView<float> maxima = SharedMemory.Allocate<float>(Warps);
        DependentLaunch.Allow();
        int thread = Group.IdxX, pieces = dim / Columns, firstColumn = Grid.IdxX % pieces * Columns, place = Grid.IdxX / pieces;
        int head = place % heads, row = firstRow + (place / heads);
        int segment = AttentionCells.Segment(segments, sequences, row), named = Math.Max(segment, 0);
        int position = segment < 0 ? -1 : AttentionCells.Position(segments, named) + row - AttentionCells.First(segments, named);
        int span = AttentionRows.SpanCells(position) * Cell, count = (position + span) / span;
        int runs = (count + AttentionRows.RunSpans - 1) / AttentionRows.RunSpans, inRun = groupSpans == 1 ? AttentionRows.RunSpans : 1;
        int present = groupSpans == 1 ? count : runs;
        long first = (long)place * parts;
        DependentLaunch.Wait();
        if (count > 1)
        {
            float largest = AttentionMath.Unseen;
            for (int i = thread; i < present; i += Threads)
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
            for (int run = lane; run < runs; run += RunLanes)
            {
                float runLargest = 0, runWeights = 0, runA = 0, runB = 0, runC = 0, runD = 0;
                for (int u = 0; u < AttentionRows.RunSpans; u++)
                {
                    // Past the last part the run's first again, which changes nothing.
                    int number = (run * inRun) + u;
                    bool inside = u < inRun && number < present;
                    long part = first + (inside ? number : run * inRun);
                    U4 sum = WideAccess.Load(ref sums[(part * dim) + firstColumn + (quad * 4)]);
                    float other = totals[part * 2], otherWeights = totals[(part * 2) + 1];
                    float now = u == 0 ? other : AttentionMath.Larger(runLargest, other);
                    float shrink = AttentionMath.Shrink(runLargest, now), shrinkNext = AttentionMath.Shrink(other, now);
                    runWeights = Joined(u, inside, runWeights, shrink, otherWeights, shrinkNext);
                    runA = Joined(u, inside, runA, shrink, Interop.IntAsFloat(sum.X), shrinkNext);
                    runB = Joined(u, inside, runB, shrink, Interop.IntAsFloat(sum.Y), shrinkNext);
                    runC = Joined(u, inside, runC, shrink, Interop.IntAsFloat(sum.Z), shrinkNext);
                    runD = Joined(u, inside, runD, shrink, Interop.IntAsFloat(sum.W), shrinkNext);
                    runLargest = inside ? now : runLargest;
                }

                float share = AttentionMath.Shrink(runLargest, largest);
                weights = Scalar.Fma(runWeights, share, weights);
                a = Scalar.Fma(runA, share, a);
                b = Scalar.Fma(runB, share, b);
                c = Scalar.Fma(runC, share, c);
                d = Scalar.Fma(runD, share, d);
            }

            int at = (lane * Columns) + (quad * 4);
            mixedParts[at] = a;
            mixedParts[at + 1] = b;
            mixedParts[at + 2] = c;
            mixedParts[at + 3] = d;
            if (quad == 0)
            {
                weightParts[lane] = weights;
            }

            Group.Barrier();
            if (thread < Columns)
            {
                float mixed = mixedParts[thread], sum = weightParts[0];
                for (int i = 1; i < RunLanes; i++)
                {
                    mixed += mixedParts[(i * Columns) + thread];
                    sum += weightParts[i];
                }

                long target = ((((long)row * heads) + head) * dim) + firstColumn + thread;
                float gate = projected[((((long)row * columns) + (2 * head) + 1) * dim) + firstColumn + thread];
                output[target] = AttentionMath.Finish(mixed, sum, gate);
            }
        }
    }

    // One of a run's sums with its span number u.
    private static float Joined(int u, bool inside, float before, float shrink, float next, float shrinkNext)
    {
        float joined = AttentionMath.Join(before, shrink, next, shrinkNext);
        return u == 0 ? next : inside ? joined : before;
    }
}
