using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// paged_attention for segments of many rows: a group computes 64 queries (the heads of one key/value head, of as many
/// neighbouring rows as fit) against 64 positions at a time. <see cref="AttentionMath"/> has the order. Queries, positions
/// and columns past the end repeat the last one: what comes of them is not used.
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

        // As the owner of scores, of a quarter of a query's scores, and of a part of the output.
        int across = thread % Side, down = thread / Side;
        int owned = thread / 4, quarter = thread % 4, run = (owned * Stride) + (quarter * AttentionMath.Quarter);
        int lane = thread % Lanes, firstQuery = thread / Lanes * Heads, row = firstQuery / tileHeads;
        for (int tile = Grid.IdxX; tile * tileRows < rows; tile += Grid.DimX)
        {
            for (int segment = 0; segment < sequences; segment++)
            {
                int first = segments[(segment * Columns) + FirstRow], count = segments[(segment * Columns) + Count];
                int start = Math.Max(first, tile * tileRows), end = Math.Min(first + count, (tile + 1) * tileRows);
                int work = count > fewRows && start < end ? group : 0, lastRow = end - start - 1;

                // Positions that the tile's first row sees; each row after it sees one more.
                int seen = segments[(segment * Columns) + FirstPosition] + (start - first) + 1;
                int lastBlock = (seen + lastRow - 1) / Cell;
                int rowSeen = seen + Math.Min(row, lastRow), ownedSeen = seen + Math.Min(owned / tileHeads, lastRow);
                for (int firstHead = 0; firstHead < work; firstHead += tileHeads)
                {
                    int head = firstHead + (firstQuery % tileHeads);
                    for (int firstColumn = 0; firstColumn < dim; firstColumn += TColumns.Columns)
                    {
                        int width = Math.Min(TColumns.Columns, dim - firstColumn);
                        float joinedLargest = AttentionMath.Unseen, joinedWeights = 0;
                        for (int firstBlock = 0; firstBlock <= lastBlock; firstBlock += AttentionMath.SpanCells)
                        {
                            float largest = AttentionMath.Unseen, weights = 0;
                            var mixed = new float[Heads * (TColumns.Columns / Lanes)];
                            for (int h = 0; h < Heads; h++)
                            {
                                for (int c = 0; c < TColumns.Columns / Lanes; c++)
                                {
                                    mixed[(h * (TColumns.Columns / Lanes)) + c] = 0;
                                }
                            }

                            int endBlock = Math.Min(firstBlock + AttentionMath.SpanCells, lastBlock + 1);
                            for (int block = firstBlock; block < endBlock; block++)
                            {
                                long place = ((long)blocks[((long)segment * blockStride) + block] * kvHeads) + kvHead;
                                int positions = block * Cell, present = Math.Min(Cell, seen + lastRow - positions);

                                // Scores.
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
                                        int q = down + (i * Side), d = Math.Min(depth + across, dim - 1);
                                        int queryRow = start + Math.Min(q / tileHeads, lastRow), queryHead = Math.Min(firstHead + (q % tileHeads), group - 1);
                                        stage[(across * Stride) + q] = queries[((((long)queryRow * heads) + (kvHead * group) + queryHead) * dim) + d];
                                        int keyDepth = (thread / Cell) + (i * (Threads / Cell)), j = thread % Cell;
                                        long key = (((place * dim) + Math.Min(depth + keyDepth, dim - 1)) * Cell) + Math.Min(j, present - 1);
                                        stage[(Depth * Stride) + (keyDepth * Cell) + j] = BF16.ToFloat(keys[key]);
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
                                        float scaled = Scalar.Multiply(score[(i * Own) + j], scale);
                                        scores[(q * Stride) + at] = at < visible ? scaled : AttentionMath.Unseen;
                                    }
                                }

                                // Weights, relative to the largest score so far.
                                Group.Barrier();
                                int inRun = Math.Min(AttentionMath.Quarter, present);
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
                                shrinks[owned] = shrink;
                                Group.Barrier();
                                bool takesPart = ownedSeen > positions;
                                float sum = Scalar.Fma(weights, shrink, AttentionMath.SumOfQuarters(quarters, owned * 4));
                                largest = takesPart ? now : largest;
                                weights = takesPart ? sum : weights;

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
                                        int at = (i * Threads) + thread;
                                        int j = Math.Min(from + (at / TColumns.Columns), present - 1), column = Math.Min(firstColumn + (at % TColumns.Columns), dim - 1);
                                        stage[at] = BF16.ToFloat(values[(((place * Cell) + j) * dim) + column]);
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
                            }

                            // A span ends: what it gave joins what the spans before it gave, which waits in the output.
                            int span = firstBlock * Cell;
                            float joined = AttentionMath.Larger(joinedLargest, largest);
                            float shrinkBefore = AttentionMath.Shrink(joinedLargest, joined), shrinkNext = AttentionMath.Shrink(largest, joined);
                            float both = AttentionMath.Join(joinedWeights, shrinkBefore, weights, shrinkNext);
                            bool joins = ownedSeen > span;
                            joinedWeights = joins ? (span == 0 ? weights : both) : joinedWeights;
                            joinedLargest = joins ? (span == 0 ? largest : joined) : joinedLargest;
                            Group.Barrier();
                            shrinks[owned] = shrinkBefore;
                            shrinksNext[owned] = shrinkNext;
                            Group.Barrier();
                            for (int h = 0; h < Heads; h++)
                            {
                                // Through shared memory, since registers have no index: a thread reads what it wrote.
                                int own = thread / Lanes * TColumns.Columns;
                                for (int c = 0; c < TColumns.Columns / Lanes; c++)
                                {
                                    scores[own + lane + (c * Lanes)] = mixed[(h * (TColumns.Columns / Lanes)) + c];
                                }

                                bool store = row <= lastRow && head + h < group && rowSeen > span;
                                long target = ((((long)(start + row) * heads) + (kvHead * group) + head + h) * dim) + firstColumn;
                                float before = shrinks[firstQuery + h], next = shrinksNext[firstQuery + h];
                                for (int from = 0; from < width; from += Lanes)
                                {
                                    int column = from + lane;
                                    if (store && column < width)
                                    {
                                        float value = scores[own + column];
                                        output[target + column] = span == 0 ? value : AttentionMath.Join(output[target + column], before, value, next);
                                    }
                                }
                            }
                        }

                        Group.Barrier();
                        shrinks[owned] = joinedWeights;
                        Group.Barrier();
                        for (int h = 0; h < Math.Min(Heads, group); h++)
                        {
                            bool store = row <= lastRow && head + h < group;
                            float sum = shrinks[firstQuery + h];
                            long target = ((((long)(start + row) * heads) + (kvHead * group) + head + h) * dim) + firstColumn;
                            long gates = ((((long)(start + row) * columns) + (2 * ((kvHead * group) + head + h)) + 1) * dim) + firstColumn;
                            for (int from = 0; from < width; from += Lanes)
                            {
                                int column = from + lane;
                                if (store && column < width)
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
