using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// Joins what <see cref="AttentionRows"/> made of a row and head where contexts may be long: runs of four spans, of which the last
/// are spans yet and become runs here, as groups join theirs (<see cref="AttentionRuns"/>). Lane l of sixteen adds runs l, l + 16, …
/// and the lanes are added in their order, all relative to the largest score of the row and head. Spans of a context that has no runs
/// count as such: the order of <see cref="AttentionJoin"/>.
/// </summary>
public static class AttentionRunsJoin
{
    private const int Spans = AttentionRuns.Spans, Numbers = AttentionLanes.Numbers;

    // Of a span: its numbers and its largest score.
    private const int SpanWords = Numbers + 1;

    /// <summary>
    /// Writes the output of rows that see more than one span: a group has 64 columns, so that few rows keep a device busy, or all 256, whose threads have four lanes.
    /// </summary>
    /// <param name="projected">For the gates.</param>
    /// <param name="segments">All of the step.</param>
    /// <param name="sums">Σ weight · v of each part, runs and then spans; row l is row <paramref name="firstRow"/> + l of the step.</param>
    /// <param name="totals">The largest score and Σ weight.</param>
    /// <param name="output">f32.</param>
    /// <param name="terms">Pairs of bf16, as <see cref="AttentionRows"/> takes them.</param>
    /// <param name="sequences">S.</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="dim">D, a multiple of 64.</param>
    /// <param name="columns">D-wide columns of a projected row.</param>
    /// <param name="parts">The most parts that a row may have.</param>
    /// <param name="firstRow">The first of the rows.</param>
    /// <param name="runs">The most runs of a row that had a group each.</param>
    /// <param name="single">A row's last spans, which had a group each.</param>
    /// <param name="termBlocks">Blocks of 32 along k of the pieces.</param>
    /// <param name="eightsShift">Eights of rows of a tile, as a power of two.</param>
    /// <param name="termCount">Terms of a number.</param>
    [Kernel("paged_attention_runs_join", AttentionLanes.Threads, groups: "*", Unroll = true)]
    [Instance("few", typeof(ColumnTile64), typeof(NumberRows), GroupsTogether = 2)]
    [Instance("few_pieces", typeof(ColumnTile64), typeof(PieceRows), GroupsTogether = 2)]
    [Instance("many", typeof(ColumnTile256), typeof(NumberRows))]
    [Instance("many_pieces", typeof(ColumnTile256), typeof(PieceRows))]
    [Cuda("sm_80", GroupsTogether = 4)]
    public static void Run<TColumns, TForm>(
        [Shape("T", "P", "D")] ArrayView<float> projected,
        [Shape("S", "4")] ArrayView<int> segments,
        [Shape("L", "Heads", "Parts", "D")] ArrayView<float> sums,
        [Shape("L", "Heads", "Parts", "2")] ArrayView<float> totals,
        [Shape("T", "Heads", "D")] ArrayView<float> output,
        [Shape("N", "W")] ArrayView<int> terms,
        [Extent("S")] int sequences,
        [Extent("Heads")] int heads,
        [Extent("D")] int dim,
        [Extent("P")] int columns,
        [Extent("Parts")] int parts,
        int firstRow,
        int runs,
        int single,
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

        // A row's parts: runs, then spans; where it has no runs, each span counts as one.
        bool hasRuns = AttentionRuns.HasRuns(position);
        int count = AttentionRuns.Count(position), whole = AttentionRuns.Whole(position, single), complete = hasRuns ? whole : count;
        long first = (long)place * parts, firstSpan = first + (hasRuns ? runs - (whole * Spans) : 0);
        DependentLaunch.Wait();
        if (count > 1)
        {
            float largest = AttentionMath.Unseen;
            for (int i = thread; i < complete; i += AttentionLanes.Threads)
            {
                largest = AttentionMath.Larger(totals[(first + i) * 2], largest);
            }

            for (int i = (hasRuns ? whole * Spans : count) + thread; i < count; i += AttentionLanes.Threads)
            {
                largest = AttentionMath.Larger(totals[(firstSpan + i) * 2], largest);
            }

            largest = AttentionLanes.Largest(largest, maxima);
            int quads = TColumns.Columns / 4, step = AttentionLanes.Threads / quads, quad = thread % quads, firstLane = thread / quads, column = firstColumn + (quad * 4);
            var added = new float[AttentionLanes.Own<TColumns>() * Numbers];
            for (int i = 0; i < AttentionLanes.Own<TColumns>() * Numbers; i++)
            {
                added[i] = 0;
            }

            AttentionLanes.Add<TColumns>(added, sums, totals, first, complete, firstLane, step, dim, column, largest);
            int turns = 0;
            if (hasRuns)
            {
                // Runs that are spans yet, behind the others in every lane. The lane whose turn it is comes first.
                int passed = whole > firstLane ? (whole - firstLane + step - 1) / step : 0;
                turns = passed % AttentionLanes.Own<TColumns>();
                for (int i = 0; i < turns; i++)
                {
                    Turn<TColumns>(added);
                }

                for (int from = (firstLane + (passed * step)) * Spans; from < count; from += step * Spans)
                {
                    var spans = new uint[Spans * SpanWords];
                    Bring(spans, sums, totals, firstSpan, from, count, dim, column);
                    var run = new float[Numbers];
                    for (int i = 0; i < Numbers; i++)
                    {
                        run[i] = 0;
                    }

                    float before = AttentionMath.Unseen;
                    for (int i = 0; i < Spans; i++)
                    {
                        float other = Interop.IntAsFloat(spans[(i * SpanWords) + Numbers]), now = AttentionMath.Larger(before, other);
                        float shrinkBefore = AttentionMath.Shrink(before, now), shrink = AttentionMath.Shrink(other, now);
                        for (int n = 0; n < Numbers; n++)
                        {
                            run[n] = AttentionMath.Join(run[n], shrinkBefore, Interop.IntAsFloat(spans[(i * SpanWords) + n]), shrink);
                        }

                        before = now;
                    }

                    float share = AttentionMath.Shrink(before, largest);
                    for (int n = 0; n < Numbers; n++)
                    {
                        added[n] = Scalar.Fma(run[n], share, added[n]);
                    }

                    Turn<TColumns>(added);
                    turns++;
                }
            }

            AttentionLanes.Leave<TColumns>(added, laneSums, laneWeights, firstLane, step, quad, turns);
            AttentionLanes.Finish<TColumns, TForm>(
                laneSums, laneWeights, projected, output, terms, row, heads, head, dim, columns, firstColumn, termBlocks, eightsShift, termCount);
        }
    }

    // A run's spans: four sums, Σ weights and the largest score of each. Spans past the last add nothing.
    private static void Bring(uint[] spans, ArrayView<float> sums, ArrayView<float> totals, long firstSpan, int from, int count, int dim, int column)
    {
        for (int i = 0; i < Spans; i++)
        {
            bool inside = from + i < count;
            long part = firstSpan + from + (inside ? i : 0);
            U4 mixed = WideAccess.Load(ref sums[(part * dim) + column]);
            float most = totals[part * 2], weights = totals[(part * 2) + 1];
            spans[i * SpanWords] = inside ? mixed.X : 0;
            spans[(i * SpanWords) + 1] = inside ? mixed.Y : 0;
            spans[(i * SpanWords) + 2] = inside ? mixed.Z : 0;
            spans[(i * SpanWords) + 3] = inside ? mixed.W : 0;
            spans[(i * SpanWords) + 4] = Interop.FloatAsInt(inside ? weights : 0f);
            spans[(i * SpanWords) + Numbers] = Interop.FloatAsInt(inside ? most : AttentionMath.Unseen);
        }
    }

    // The thread's next lane takes the place of the first, which becomes its last.
    private static void Turn<TColumns>(float[] added)
        where TColumns : struct, IColumnTile
    {
        for (int i = 0; i < Numbers; i++)
        {
            float first = added[i];
            for (int lane = 0; lane < AttentionLanes.Own<TColumns>(); lane++)
            {
                float next = added[((lane + 1) % AttentionLanes.Own<TColumns>() * Numbers) + i];
                added[(lane * Numbers) + i] = lane == AttentionLanes.Own<TColumns>() - 1 ? first : next;
            }
        }
    }
}
