using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// paged_attention for segments of few rows: a group per row, key/value head and span of 256 positions, so that a long
/// context keeps a whole device busy. Slot l is row l mod R of segment l / R. Heads, positions and columns past the end
/// repeat the last one: what comes of them is not used. <see cref="AttentionMath"/> has the order.
/// </summary>
public static class AttentionSpans
{
    private const int Threads = 256;
    private const int Cell = AttentionMath.Cell;
    private const int Lanes = Threads / Cell;
    private const int Depth = 64;
    private const int Ahead = 8;
    private const int FirstRow = 0, Count = 1, FirstPosition = 2, Columns = 4;

    /// <summary>
    /// Mixes the values of each span: sums[l, head, span] = Σ weight · v, totals[l, head, span] = (largest score, Σ weight);
    /// the output itself where a row sees one span only.
    /// </summary>
    [Kernel("paged_attention_spans", Threads, groups: "L*KvHeads", groupsY: "Spans", Unroll = true)]
    [Instance("heads4", typeof(HeadTile4))]
    [Instance("heads8", typeof(HeadTile8))]
    [Instance("heads16", typeof(HeadTile16))]
    public static void Run<THeads>(
        [Shape("T", "Heads", "D")] ArrayView<float> queries,
        [Shape("T", "P", "D")] ArrayView<float> projected,
        [Shape("B", "KvHeads", "D", "64")] ArrayView<ushort> keys,
        [Shape("B", "KvHeads", "64", "D")] ArrayView<ushort> values,
        [Shape("S", "4")] ArrayView<int> segments,
        [Shape("S", "M")] ArrayView<int> blocks,
        [Shape("L", "Heads", "Spans", "D")] ArrayView<float> sums,
        [Shape("L", "Heads", "Spans", "2")] ArrayView<float> totals,
        [Shape("T", "Heads", "D")] ArrayView<float> output,
        [Extent("Heads")] int heads,
        [Extent("KvHeads")] int kvHeads,
        [Extent("D")] int dim,
        [Extent("P")] int columns,
        [Extent("Spans")] int spans,
        [RowStride("blocks")] int blockStride,
        int segmentRows,
        int mostRows)
        where THeads : struct, IHeadTile
    {
        ArrayView<float> query = SharedMemory.Allocate<float>(THeads.Heads * Depth);
        ArrayView<float> scores = SharedMemory.Allocate<float>(THeads.Heads * Cell);
        ArrayView<float> own = SharedMemory.Allocate<float>(THeads.Heads * Threads);
        ArrayView<float> quarters = SharedMemory.Allocate<float>(THeads.Heads * 4);
        ArrayView<float> largest = SharedMemory.Allocate<float>(THeads.Heads);
        ArrayView<float> shrinks = SharedMemory.Allocate<float>(THeads.Heads);
        ArrayView<float> weights = SharedMemory.Allocate<float>(THeads.Heads);

        int thread = Group.IdxX, offset = thread % Cell, lane = thread / Cell;
        int slot = Grid.IdxX / kvHeads, kvHead = Grid.IdxX % kvHeads, group = heads / kvHeads;
        int segment = slot / segmentRows, number = slot % segmentRows, count = segments[(segment * Columns) + Count];
        int row = segments[(segment * Columns) + FirstRow] + number, position = segments[(segment * Columns) + FirstPosition] + number;
        int firstBlock = Grid.IdxY * AttentionMath.SpanCells;
        int endBlock = Math.Min(firstBlock + AttentionMath.SpanCells, (position / Cell) + 1);
        bool mine = number < count && count <= mostRows && firstBlock < endBlock;
        int work = mine ? group : 0;
        float scale = AttentionMath.Scale(dim);
        for (int firstHead = 0; firstHead < work; firstHead += THeads.Heads)
        {
            for (int firstColumn = 0; firstColumn < dim; firstColumn += Threads)
            {
                int column = firstColumn + thread;
                var mixed = new float[THeads.Heads];
                for (int h = 0; h < THeads.Heads; h++)
                {
                    mixed[h] = 0;
                }

                Group.Barrier();
                if (thread < THeads.Heads)
                {
                    largest[thread] = AttentionMath.Unseen;
                    weights[thread] = 0;
                }

                for (int block = firstBlock; block < endBlock; block++)
                {
                    long place = ((long)blocks[((long)segment * blockStride) + block] * kvHeads) + kvHead;
                    int visible = Math.Min(Cell, position + 1 - (block * Cell));

                    // A thread's scores: one position, every fourth of the heads.
                    var score = new float[THeads.Heads / Lanes];
                    for (int i = 0; i < THeads.Heads / Lanes; i++)
                    {
                        score[i] = 0;
                    }

                    for (int depth = 0; depth < dim; depth += Depth)
                    {
                        Group.Barrier();
                        for (int i = 0; i < THeads.Heads * Depth / Threads; i++)
                        {
                            // Beyond the head's end zeros, which add nothing to a score.
                            int at = (i * Threads) + thread, head = Math.Min(firstHead + (at / Depth), group - 1), d = depth + (at % Depth);
                            float q = queries[((((long)row * heads) + (kvHead * group) + head) * dim) + Math.Min(d, dim - 1)];
                            query[at] = d < dim ? q : 0;
                        }

                        Group.Barrier();
                        int steps = Math.Min(Depth, dim - depth);
                        long key = (((place * dim) + depth) * Cell) + Math.Min(offset, visible - 1);
                        for (int d = 0; d < steps; d += Ahead)
                        {
                            // All on their way before the first is used: memory is far.
                            var k = new float[Ahead];
                            for (int u = 0; u < Ahead; u++)
                            {
                                k[u] = BF16.ToFloat(keys[key + ((long)Math.Min(d + u, steps - 1) * Cell)]);
                            }

                            for (int u = 0; u < Ahead; u++)
                            {
                                for (int i = 0; i < THeads.Heads / Lanes; i++)
                                {
                                    score[i] = Scalar.Fma(query[(((i * Lanes) + lane) * Depth) + d + u], k[u], score[i]);
                                }
                            }
                        }
                    }

                    for (int i = 0; i < THeads.Heads / Lanes; i++)
                    {
                        float scaled = Scalar.Multiply(score[i], scale);
                        scores[(((i * Lanes) + lane) * Cell) + offset] = offset < visible ? scaled : AttentionMath.Unseen;
                    }

                    int inQuarter = Math.Min(AttentionMath.Quarter, visible);
                    Group.Barrier();
                    if (thread < THeads.Heads * 4)
                    {
                        quarters[thread] = AttentionMath.Largest(scores, thread * AttentionMath.Quarter, inQuarter);
                    }

                    Group.Barrier();
                    if (thread < THeads.Heads)
                    {
                        float before = largest[thread], now = AttentionMath.Larger(before, AttentionMath.LargestOfQuarters(quarters, thread * 4));
                        shrinks[thread] = AttentionMath.Shrink(before, now);
                        largest[thread] = now;
                    }

                    Group.Barrier();
                    for (int i = 0; i < THeads.Heads * Cell / Threads; i++)
                    {
                        int at = (i * Threads) + thread;
                        scores[at] = Scalar.Exp2(scores[at] - largest[at / Cell]);
                    }

                    Group.Barrier();
                    if (thread < THeads.Heads * 4)
                    {
                        quarters[thread] = AttentionMath.Sum(scores, thread * AttentionMath.Quarter, inQuarter);
                    }

                    for (int h = 0; h < THeads.Heads; h++)
                    {
                        mixed[h] = Scalar.Multiply(mixed[h], shrinks[h]);
                    }

                    long from = (place * Cell * dim) + Math.Min(column, dim - 1);
                    for (int j = 0; j < visible; j += Ahead)
                    {
                        // The weights of positions past the last visible one are zero.
                        var v = new float[Ahead];
                        for (int u = 0; u < Ahead; u++)
                        {
                            v[u] = BF16.ToFloat(values[from + ((long)Math.Min(j + u, visible - 1) * dim)]);
                        }

                        for (int u = 0; u < Ahead; u++)
                        {
                            for (int h = 0; h < THeads.Heads; h++)
                            {
                                mixed[h] = Scalar.Fma(scores[(h * Cell) + j + u], v[u], mixed[h]);
                            }
                        }
                    }

                    Group.Barrier();
                    if (thread < THeads.Heads)
                    {
                        weights[thread] = Scalar.Fma(weights[thread], shrinks[thread], AttentionMath.SumOfQuarters(quarters, thread * 4));
                    }
                }

                Group.Barrier();

                // Through shared memory, since registers have no index: a thread reads what it wrote.
                for (int h = 0; h < THeads.Heads; h++)
                {
                    own[(h * Threads) + thread] = mixed[h];
                }

                int last = Math.Min(THeads.Heads, group - firstHead);
                for (int h = 0; h < last; h++)
                {
                    int head = (kvHead * group) + firstHead + h;
                    float value = own[(h * Threads) + thread];
                    long part = ((((long)slot * heads) + head) * spans) + Grid.IdxY;
                    if (column < dim)
                    {
                        if (position < AttentionMath.Span)
                        {
                            float gate = projected[((((long)row * columns) + (2 * head) + 1) * dim) + column];
                            output[((((long)row * heads) + head) * dim) + column] = AttentionMath.Finish(value, weights[h], gate);
                        }
                        else
                        {
                            sums[(part * dim) + column] = value;
                            if (column == 0)
                            {
                                totals[part * 2] = largest[h];
                                totals[(part * 2) + 1] = weights[h];
                            }
                        }
                    }
                }
            }
        }
    }

    /// <summary>Joins the spans of each slot and head in their order.</summary>
    [Kernel("paged_attention_join", Threads, groups: "L*Heads")]
    public static void Join(
        [Shape("T", "P", "D")] ArrayView<float> projected,
        [Shape("S", "4")] ArrayView<int> segments,
        [Shape("L", "Heads", "Spans", "D")] ArrayView<float> sums,
        [Shape("L", "Heads", "Spans", "2")] ArrayView<float> totals,
        [Shape("T", "Heads", "D")] ArrayView<float> output,
        [Extent("Heads")] int heads,
        [Extent("D")] int dim,
        [Extent("P")] int columns,
        [Extent("Spans")] int spans,
        int segmentRows,
        int mostRows)
    {
        int slot = Grid.IdxX / heads, head = Grid.IdxX % heads;
        int segment = slot / segmentRows, number = slot % segmentRows, count = segments[(segment * Columns) + Count];
        int row = segments[(segment * Columns) + FirstRow] + number, position = segments[(segment * Columns) + FirstPosition] + number;
        bool mine = number < count && count <= mostRows && position >= AttentionMath.Span;
        int width = mine ? dim : 0, last = position / AttentionMath.Span;
        long first = (long)Grid.IdxX * spans;
        for (int column = Group.IdxX; column < width; column += Threads)
        {
            float largest = totals[first * 2], weights = totals[(first * 2) + 1], mixed = sums[(first * dim) + column];
            for (int span = 1; span <= last; span++)
            {
                long part = first + span;
                float other = totals[part * 2], now = AttentionMath.Larger(largest, other);
                float shrink = AttentionMath.Shrink(largest, now), shrinkOther = AttentionMath.Shrink(other, now);
                weights = AttentionMath.Join(weights, shrink, totals[(part * 2) + 1], shrinkOther);
                mixed = AttentionMath.Join(mixed, shrink, sums[(part * dim) + column], shrinkOther);
                largest = now;
            }

            float gate = projected[((((long)row * columns) + (2 * head) + 1) * dim) + column];
            output[((((long)row * heads) + head) * dim) + column] = AttentionMath.Finish(mixed, weights, gate);
        }
    }
}
