using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// paged_attention for segments of many rows: a group computes 64 queries (the heads of one key/value head, of as many
/// neighbouring rows as fit) against 64 positions at a time. <see cref="AttentionMath"/> has the order.
/// </summary>
public static class AttentionTiles
{
    private const int Threads = 256;
    private const int Cell = AttentionMath.Cell;
    private const int Queries = 64;

    // 4 × 4 scores to a thread, from depths of 16.
    private const int Depth = 16, Side = 16, Own = 4;

    // 4 queries × a 16th of the columns of the output to a thread. The queries are heads of one row, for which heads are
    // counted in fours: then a thread's queries all see the same positions.
    private const int Heads = 4, Lanes = 16;

    // Rows of scores and depths of queries lie one element further apart than they are long: no two threads of a warp
    // reach into one bank.
    private const int Stride = Cell + 1;
    private const int Stage = Depth * (Stride + Cell);
    private const int FirstRow = 0, Count = 1, FirstPosition = 2, Columns = 4;

    /// <summary>Attends for all rows of segments of more than <paramref name="fewRows"/> rows.</summary>
    [Kernel("paged_attention_tiles", Threads, groups: "T/8", groupsY: "KvHeads", Unroll = true)]
    [Instance("columns64", typeof(ColumnTile64))]
    [Instance("columns128", typeof(ColumnTile128))]
    [Instance("columns256", typeof(ColumnTile256))]
    public static void Run<TColumns>(
        [Shape("T", "Heads", "D")] ArrayView<float> queries,
        [Shape("T", "P", "D")] ArrayView<float> projected,
        [Shape("B", "KvHeads", "D", "64")] ArrayView<ushort> keys,
        [Shape("B", "KvHeads", "64", "D")] ArrayView<ushort> values,
        [Shape("S", "4")] ArrayView<int> segments,
        [Shape("S", "M")] ArrayView<int> blocks,
        [Shape("T", "Heads", "D")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("S")] int sequences,
        [Extent("Heads")] int heads,
        [Extent("KvHeads")] int kvHeads,
        [Extent("D")] int dim,
        [Extent("P")] int columns,
        [RowStride("blocks")] int blockStride,
        int fewRows)
        where TColumns : struct, IColumnTile
    {
        ArrayView<float> scores = SharedMemory.Allocate<float>(Queries * Stride);
        ArrayView<float> stage = SharedMemory.Allocate<float>(Stage);
        ArrayView<float> quarters = SharedMemory.Allocate<float>(Threads);
        ArrayView<float> shrinks = SharedMemory.Allocate<float>(Queries);
        ArrayView<float> shrinksNext = SharedMemory.Allocate<float>(Queries);

        int thread = Group.IdxX, kvHead = Grid.IdxY, group = heads / kvHeads;
        int tileHeads = Math.Min((group + Heads - 1) / Heads * Heads, Queries), tileRows = Queries / tileHeads;
        float scale = AttentionMath.Scale(dim);
        for (int tile = Grid.IdxX; tile * tileRows < rows; tile += Grid.DimX)
        {
            for (int segment = 0; segment < sequences; segment++)
            {
                int first = segments[(segment * Columns) + FirstRow], count = segments[(segment * Columns) + Count];
                int start = Math.Max(first, tile * tileRows), end = Math.Min(first + count, (tile + 1) * tileRows);
                int work = count > fewRows && start < end ? group : 0;

                // Positions that the tile's first row sees; each row after it sees one more.
                int seen = segments[(segment * Columns) + FirstPosition] + (start - first) + 1, lastRow = end - start - 1;
                for (int firstHead = 0; firstHead < work; firstHead += tileHeads)
                {
                    for (int firstColumn = 0; firstColumn < dim; firstColumn += TColumns.Columns)
                    {
                        // As the owner of a quarter of a query's scores.
                        int owned = thread / 4, quarter = thread % 4;
                        int ownedSeen = seen + Math.Min(owned / tileHeads, lastRow);
                        float largest = AttentionMath.Unseen, weights = 0, joinedLargest = 0, joinedWeights = 0;

                        // As the owner of a part of the output.
                        int lane = thread % Lanes, firstQuery = thread / Lanes * Heads;
                        int row = firstQuery / tileHeads, head = firstHead + (firstQuery % tileHeads);
                        int rowSeen = seen + Math.Min(row, lastRow);
                        var mixed = new float[Heads * (TColumns.Columns / Lanes)];
                        for (int h = 0; h < Heads; h++)
                        {
                            for (int c = 0; c < TColumns.Columns / Lanes; c++)
                            {
                                mixed[(h * (TColumns.Columns / Lanes)) + c] = 0;
                            }
                        }

                        int lastBlock = (seen + lastRow - 1) / Cell;
                        for (int block = 0; block <= lastBlock; block++)
                        {
                            long place = ((long)blocks[((long)segment * blockStride) + block] * kvHeads) + kvHead;
                            int positions = block * Cell, present = Math.Min(Cell, seen + lastRow - positions);

                            // Scores.
                            int across = thread % Side, down = thread / Side;
                            var score = new float[Own * Own];
                            for (int i = 0; i < Own * Own; i++)
                            {
                                score[i] = 0;
                            }

                            for (int depth = 0; depth < dim; depth += Depth)
                            {
                                Group.Barrier();
                                for (int i = 0; i < Own; i++)
                                {
                                    int q = down + (i * Side), queryRow = q / tileHeads, queryHead = firstHead + (q % tileHeads), d = depth + across;
                                    float value = 0;
                                    if (queryRow <= lastRow && queryHead < group && d < dim)
                                    {
                                        value = queries[((((long)(start + queryRow) * heads) + (kvHead * group) + queryHead) * dim) + d];
                                    }

                                    stage[(across * Stride) + q] = value;
                                    int keyDepth = (thread / Cell) + (i * (Threads / Cell)), j = thread % Cell;
                                    float key = 0;
                                    if (j < present && depth + keyDepth < dim)
                                    {
                                        key = BF16.ToFloat(keys[(((place * dim) + depth + keyDepth) * Cell) + j]);
                                    }

                                    stage[(Depth * Stride) + (keyDepth * Cell) + j] = key;
                                }

                                Group.Barrier();
                                int steps = Math.Min(Depth, dim - depth);
                                for (int k = 0; k < steps; k++)
                                {
                                    var left = new float[Own];
                                    var right = new float[Own];
                                    for (int i = 0; i < Own; i++)
                                    {
                                        left[i] = stage[(k * Stride) + (down * Own) + i];
                                        right[i] = stage[(Depth * Stride) + (k * Cell) + across + (i * Side)];
                                    }

                                    for (int i = 0; i < Own; i++)
                                    {
                                        for (int j = 0; j < Own; j++)
                                        {
                                            score[(i * Own) + j] = Scalar.Fma(left[i], right[j], score[(i * Own) + j]);
                                        }
                                    }
                                }
                            }

                            for (int i = 0; i < Own; i++)
                            {
                                int q = (down * Own) + i, visible = seen + Math.Min(q / tileHeads, lastRow) - positions;
                                for (int j = 0; j < Own; j++)
                                {
                                    int at = across + (j * Side);
                                    scores[(q * Stride) + at] = at < visible ? Scalar.Multiply(score[(i * Own) + j], scale) : AttentionMath.Unseen;
                                }
                            }

                            // Weights, relative to the largest score so far.
                            Group.Barrier();
                            int run = (owned * Stride) + (quarter * AttentionMath.Quarter);
                            int inRun = AttentionMath.Present(quarter, present);
                            quarters[thread] = AttentionMath.Largest(scores, run, inRun);
                            Group.Barrier();
                            float now = AttentionMath.Larger(largest, AttentionMath.LargestOfQuarters(quarters, owned * 4));
                            float shrink = AttentionMath.Shrink(largest, now);
                            for (int i = 0; i < inRun; i++)
                            {
                                scores[run + i] = Scalar.Exp2(scores[run + i] - now);
                            }

                            Group.Barrier();
                            quarters[thread] = AttentionMath.Sum(scores, run, inRun);
                            if (quarter == 0)
                            {
                                shrinks[owned] = shrink;
                            }

                            Group.Barrier();
                            if (ownedSeen > positions)
                            {
                                largest = now;
                                weights = Scalar.Fma(weights, shrink, AttentionMath.SumOfQuarters(quarters, owned * 4));
                            }

                            // Values.
                            if (rowSeen > positions)
                            {
                                for (int h = 0; h < Heads; h++)
                                {
                                    float factor = shrinks[firstQuery + h];
                                    for (int c = 0; c < TColumns.Columns / Lanes; c++)
                                    {
                                        int at = (h * (TColumns.Columns / Lanes)) + c;
                                        mixed[at] = Scalar.Multiply(mixed[at], factor);
                                    }
                                }
                            }

                            for (int from = 0; from < present; from += TColumns.Positions)
                            {
                                Group.Barrier();
                                for (int i = 0; i < TColumns.Positions * TColumns.Columns / Threads; i++)
                                {
                                    int at = (i * Threads) + thread, j = from + (at / TColumns.Columns), column = firstColumn + (at % TColumns.Columns);
                                    float value = 0;
                                    if (j < present && column < dim)
                                    {
                                        value = BF16.ToFloat(values[(((place * Cell) + j) * dim) + column]);
                                    }

                                    stage[at] = value;
                                }

                                Group.Barrier();
                                int visible = Math.Min(TColumns.Positions, rowSeen - positions - from);
                                for (int j = 0; j < visible; j++)
                                {
                                    var v = new float[TColumns.Columns / Lanes];
                                    for (int c = 0; c < TColumns.Columns / Lanes; c++)
                                    {
                                        v[c] = stage[(j * TColumns.Columns) + lane + (c * Lanes)];
                                    }

                                    for (int h = 0; h < Heads; h++)
                                    {
                                        float w = scores[((firstQuery + h) * Stride) + from + j];
                                        for (int c = 0; c < TColumns.Columns / Lanes; c++)
                                        {
                                            int at = (h * (TColumns.Columns / Lanes)) + c;
                                            mixed[at] = Scalar.Fma(w, v[c], mixed[at]);
                                        }
                                    }
                                }
                            }

                            // A span ends: what it gave joins what the spans before it gave, which waits in the output.
                            if (block % AttentionMath.SpanCells == AttentionMath.SpanCells - 1 || block == lastBlock)
                            {
                                int span = block / AttentionMath.SpanCells * AttentionMath.Span;
                                float joined = span == 0 ? largest : AttentionMath.Larger(joinedLargest, largest);
                                float shrinkBefore = AttentionMath.Shrink(joinedLargest, joined), shrinkNext = AttentionMath.Shrink(largest, joined);
                                if (ownedSeen > span)
                                {
                                    joinedWeights = span == 0 ? weights : AttentionMath.Join(joinedWeights, shrinkBefore, weights, shrinkNext);
                                    joinedLargest = joined;
                                }

                                Group.Barrier();
                                if (quarter == 0)
                                {
                                    shrinks[owned] = shrinkBefore;
                                    shrinksNext[owned] = shrinkNext;
                                }

                                Group.Barrier();
                                for (int h = 0; h < Heads; h++)
                                {
                                    bool store = row <= lastRow && head + h < group && rowSeen > span;
                                    long target = (((long)(start + row) * heads) + (kvHead * group) + head + h) * dim;
                                    float before = shrinks[firstQuery + h], next = shrinksNext[firstQuery + h];
                                    for (int c = 0; c < TColumns.Columns / Lanes; c++)
                                    {
                                        int at = (h * (TColumns.Columns / Lanes)) + c, column = firstColumn + lane + (c * Lanes);
                                        if (store && column < dim)
                                        {
                                            output[target + column] = span == 0 ? mixed[at] : AttentionMath.Join(output[target + column], before, mixed[at], next);
                                        }

                                        mixed[at] = 0;
                                    }
                                }

                                largest = AttentionMath.Unseen;
                                weights = 0;
                            }
                        }

                        Group.Barrier();
                        if (quarter == 0)
                        {
                            shrinks[owned] = joinedWeights;
                        }

                        Group.Barrier();
                        for (int h = 0; h < Heads; h++)
                        {
                            if (row <= lastRow && head + h < group)
                            {
                                float sum = shrinks[firstQuery + h];
                                long target = (((long)(start + row) * heads) + (kvHead * group) + head + h) * dim;
                                long gates = (((long)(start + row) * columns) + (2 * ((kvHead * group) + head + h)) + 1) * dim;
                                for (int column = firstColumn + lane; column < Math.Min(dim, firstColumn + TColumns.Columns); column += Lanes)
                                {
                                    output[target + column] = AttentionMath.Finish(output[target + column], sum, projected[gates + column]);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
