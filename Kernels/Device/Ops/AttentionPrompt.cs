using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// paged_attention, prompt rows, on Hopper, whose shared memory holds it: a group has 128 queries, the heads of one key/value
/// head of neighbouring rows, 64 to a warp group, and goes over the cells of their sequence with wgmma and an online softmax
/// (<see cref="AttentionRing"/>). The two take turns at the tensor cores: the products of one run while the other weighs scores.
/// Queries and weights go in as two bf16 terms, x ≈ hi + lo, or rounded as one.
/// <para>
/// The order of a query: a score is one chain over d, for each 16 the first terms' products before the second's; a cell's
/// values are mixed in sixteens of positions, likewise; cells follow each other in the order of positions. What a tile's
/// later rows see and a query does not has the weight zero, which changes none of its sums.
/// </para>
/// </summary>
public static class AttentionPrompt
{
    /// <summary>Queries of a group.</summary>
    public const int Queries = 128;

    private const int Threads = AttentionCells.Threads;
    private const int Cell = AttentionMath.Cell;
    private const int Side = 16;
    private const int OwnQueries = 64;

    // A thread's scores of a cell, the first of its sums; the mixed values' follow.
    private const int Scores = Cell / 2;

    // Bytes from 64 of d of all queries to the next 64.
    private const int QueryTile = Queries * 128;

    // 1 as its bits.
    private const uint One = 0x3f800000;

    // Copies of a thread that are on their way together.
    private const int Ahead = 4;

    /// <summary>Attends.</summary>
    /// <param name="queries">f32.</param>
    /// <param name="projected">For the gates.</param>
    /// <param name="keys">bf16; all addresses are multiples of 16.</param>
    /// <param name="values">bf16.</param>
    /// <param name="segments">All of the step.</param>
    /// <param name="blocks">The cache blocks of each segment.</param>
    /// <param name="output">f32.</param>
    /// <param name="sequences">S.</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="kvHeads">Key/value heads, a 128th of the query heads at least.</param>
    /// <param name="dim">D.</param>
    /// <param name="columns">D-wide columns of a projected row.</param>
    /// <param name="blockStride">Elements from a segment's blocks to the next.</param>
    /// <param name="rows">Rows of prompts, the step's first.</param>
    [Kernel("paged_attention_prompt", Threads, groups: "*", Unroll = true)]
    [Instance("columns64", typeof(ColumnTile64), typeof(SplitTerms))]
    [Instance("columns128", typeof(ColumnTile128), typeof(SplitTerms))]
    [Instance("columns256", typeof(ColumnTile256), typeof(SplitTerms))]
    [Instance("columns64_rounded", typeof(ColumnTile64), typeof(SingleTerm))]
    [Instance("columns128_rounded", typeof(ColumnTile128), typeof(SingleTerm))]
    [Instance("columns256_rounded", typeof(ColumnTile256), typeof(SingleTerm))]
    [Cuda("sm_90a", SharedBytes = AttentionRing.Bytes)]
    public static void Run<TColumns, TTerms>(
        [Shape("T", "Heads", "D")] ArrayView<float> queries,
        [Shape("T", "P", "D")] ArrayView<float> projected,
        [Shape("B", "KvHeads", "D", "64")] ArrayView<ushort> keys,
        [Shape("B", "KvHeads", "64", "D")] ArrayView<ushort> values,
        [Shape("S", "4")] ArrayView<int> segments,
        [Shape("S", "M")] ArrayView<int> blocks,
        [Shape("T", "Heads", "D")] ArrayView<float> output,
        [Extent("S")] int sequences,
        [Extent("Heads")] int heads,
        [Extent("KvHeads")] int kvHeads,
        [Extent("D")] int dim,
        [Extent("P")] int columns,
        [RowStride("blocks")] int blockStride,
        int rows)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms
    {
        DependentLaunch.Allow();
        uint memory = CudaShared.Base();
        int group = heads / kvHeads, tileRows = Queries / group, tiles = (rows + tileRows - 1) / tileRows;

        // The last rows see most: their tiles begin first.
        int tile = tiles - 1 - (Grid.IdxX / kvHeads), kvHead = Grid.IdxX % kvHeads;
        int lane = Group.IdxX & 31, warp = Lanes.First(Group.IdxX >> 5), own = (warp * Side) + (lane >> 2), pair = (lane & 3) * 2;
        float scale = AttentionMath.Scale(TColumns.Columns);
        int turn = warp / 4;
        long left = WarpGroup.Descriptor | ((memory + (uint)(turn * OwnQueries * 128)) >> 4);
        int number = 0;
        AttentionRing.Make<TTerms>(memory);
        if (turn > 0)
        {
            // The first warp group begins.
            WarpGroup.Let(1);
        }

        DependentLaunch.Wait();
        for (int segment = 0; segment < sequences; segment++)
        {
            int begin = AttentionCells.First(segments, segment);
            int start = Math.Max(begin, tile * tileRows), end = Math.Min(Math.Min(begin + AttentionCells.Rows(segments, segment), (tile + 1) * tileRows), rows);
            int last = end - start - 1, seen = AttentionCells.Position(segments, segment) + (start - begin) + 1;
            int endBlock = last < 0 ? 0 : (seen + last + Cell - 1) / Cell, queryCount = (last + 1) * group;
            if (endBlock > 0)
            {
                // What came before may still be read.
                Group.Barrier();
                long table = (long)segment * blockStride, firstQuery = ((long)start * heads) + (kvHead * group);
                for (int ahead = 0; ahead < AttentionRing.Ahead<TTerms>(); ahead++)
                {
                    if (ahead < endBlock)
                    {
                        long cell = ((long)blocks[table + ahead] * kvHeads) + kvHead;
                        int visible = seen + last - (ahead * Cell);
                        AttentionRing.BringKeys<TColumns, TTerms>(memory, number + (2 * ahead), keys, cell, visible);
                        AttentionRing.BringValues<TColumns, TTerms>(memory, number + (2 * ahead) + 1, values, cell, visible);
                    }
                }

                BringQueries<TColumns, TTerms>(memory, queries, firstQuery, heads, group, queryCount, dim);
                for (int i = 0; i < TColumns.Columns / 8; i++)
                {
                    Accumulators.Clear4(Scores + (i * 4));
                }

                // The queries have come.
                CudaShared.FenceForAsync();
                Group.Barrier();
                int upperSeen = seen + Math.Min(own / group, last), lowerSeen = seen + Math.Min((own + 8) / group, last);
                float upperLargest = AttentionMath.Unseen, lowerLargest = AttentionMath.Unseen, upperWeights = 0, lowerWeights = 0;
                Score<TColumns, TTerms>(left, AttentionRing.Take<TColumns, TTerms>(memory, number));
                for (int block = 0; block < endBlock; block++)
                {
                    int coming = block + AttentionRing.Ahead<TTerms>();
                    long cell = ((long)blocks[table + Math.Min(coming, endBlock - 1)] * kvHeads) + kvHead;

                    // This cell's scores are there.
                    WarpGroup.Wait(0);
                    AttentionRing.Release<TTerms>(memory, number);
                    if ((block + 1) * Cell > seen)
                    {
                        // Some query does not see all of the cell.
                        for (int i = 0; i < Scores; i += 4)
                        {
                            for (int e = 0; e < 2; e++)
                            {
                                int position = (block * Cell) + (i * 2) + pair + e, sum = i + e;
                                Accumulators.Set(sum, position < upperSeen ? Accumulators.Get(sum) : AttentionMath.Unseen);
                                Accumulators.Set(sum + 2, position < lowerSeen ? Accumulators.Get(sum + 2) : AttentionMath.Unseen);
                            }
                        }
                    }

                    var weight = new float[Scores];
                    float upperNow = upperLargest, lowerNow = lowerLargest;
                    for (int i = 0; i < Scores; i += 4)
                    {
                        for (int e = 0; e < 2; e++)
                        {
                            weight[i + e] = Accumulators.Get(i + e);
                            weight[i + e + 2] = Accumulators.Get(i + e + 2);
                            upperNow = Scalar.Larger(weight[i + e], upperNow);
                            lowerNow = Scalar.Larger(weight[i + e + 2], lowerNow);
                        }
                    }

                    upperNow = Scalar.Larger(upperNow, Lanes.Xor(upperNow, 1));
                    lowerNow = Scalar.Larger(lowerNow, Lanes.Xor(lowerNow, 1));
                    upperNow = Scalar.Larger(upperNow, Lanes.Xor(upperNow, 2));
                    lowerNow = Scalar.Larger(lowerNow, Lanes.Xor(lowerNow, 2));
                    float upperShrink = Scalar.Exp2((upperLargest - upperNow) * scale), lowerShrink = Scalar.Exp2((lowerLargest - lowerNow) * scale);
                    upperLargest = upperNow;
                    lowerLargest = lowerNow;

                    // 2^((score − largest) · scale), with one rounding.
                    float upperShift = -Scalar.Multiply(upperNow, scale), lowerShift = -Scalar.Multiply(lowerNow, scale), upperSum = 0, lowerSum = 0;
                    for (int i = 0; i < Scores; i += 4)
                    {
                        for (int e = 0; e < 2; e++)
                        {
                            weight[i + e] = Scalar.Exp2Normal(Scalar.Fma(weight[i + e], scale, upperShift));
                            weight[i + e + 2] = Scalar.Exp2Normal(Scalar.Fma(weight[i + e + 2], scale, lowerShift));
                            upperSum += weight[i + e];
                            lowerSum += weight[i + e + 2];
                        }

                        // A lane's weights are the left sides as they are.
                        Split<TTerms>(i / 2, weight[i], weight[i + 1]);
                        Split<TTerms>((i / 2) + 1, weight[i + 2], weight[i + 3]);
                    }

                    upperWeights = Scalar.Fma(upperWeights, upperShrink, upperSum);
                    lowerWeights = Scalar.Fma(lowerWeights, lowerShrink, lowerSum);

                    // Most cells have no larger score for any of the warp's queries: times one.
                    if (Lanes.Minimum(Interop.FloatAsInt(Scalar.Multiply(upperShrink, lowerShrink))) != One)
                    {
                        for (int i = 0; i < TColumns.Columns / 8; i++)
                        {
                            Accumulators.Scale2(Scores + (i * 4), upperShrink);
                            Accumulators.Scale2(Scores + (i * 4) + 2, lowerShrink);
                        }
                    }

                    // Here, since the other warp group may still be at the cell before: it is waited for.
                    if (coming < endBlock)
                    {
                        int visible = seen + last - (coming * Cell);
                        AttentionRing.BringKeys<TColumns, TTerms>(memory, number + (2 * AttentionRing.Ahead<TTerms>()), keys, cell, visible);
                        AttentionRing.BringValues<TColumns, TTerms>(memory, number + (2 * AttentionRing.Ahead<TTerms>()) + 1, values, cell, visible);
                    }

                    uint mixed = AttentionRing.Take<TColumns, TTerms>(memory, number + 1);

                    // Both groups' products at once would end at once, and nothing would run while both weigh scores.
                    WarpGroup.Await(1 + turn);
                    Mix<TColumns, TTerms>(mixed);

                    // Behind the values' products, so that the tensor cores need not wait; of the last cell once more, for nobody: a
                    // branch would make the assembler wait.
                    Score<TColumns, TTerms>(left, AttentionRing.Take<TColumns, TTerms>(memory, block + 1 < endBlock ? number + 2 : number));
                    WarpGroup.Wait(1);
                    WarpGroup.Let(2 - turn);
                    AttentionRing.Release<TTerms>(memory, number + 1);
                    number += 2;
                }

                WarpGroup.Wait(0);
                upperWeights += Lanes.Xor(upperWeights, 1);
                lowerWeights += Lanes.Xor(lowerWeights, 1);
                upperWeights += Lanes.Xor(upperWeights, 2);
                lowerWeights += Lanes.Xor(lowerWeights, 2);

                // Nobody needs the queries any more, nor what has come.
                Group.Barrier();
                Leave<TColumns>(memory, own, pair, 1 / upperWeights, 1 / lowerWeights);
                Group.Barrier();
                Store<TColumns>(memory, projected, output, start, kvHead * group, heads, group, columns, queryCount, dim);
            }
        }
    }

    // The terms of each query, 64 of d in a tile of rows of 128 bytes; queries past the end are zeros.
    private static void BringQueries<TColumns, TTerms>(uint memory, ArrayView<float> queries, long firstQuery, int heads, int group, int count, int dim)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms
    {
        int across = TColumns.Columns / 8, all = Queries * dim / 8;
        for (int from = Group.IdxX; from < all; from += Threads * Ahead)
        {
            for (int u = 0; u < Ahead; u++)
            {
                int query = (from + (u * Threads)) / across, chunk = (from + (u * Threads)) % across, known = Math.Min(query, count - 1);
                long at = ((firstQuery + ((long)(known / group) * heads) + (known % group)) * dim) + (chunk * 8);
                U4 low = WideAccess.Load(ref queries[at]), high = WideAccess.Load(ref queries[at + 4]);
                float x0 = Value(low.X, query < count), x1 = Value(low.Y, query < count), x2 = Value(low.Z, query < count), x3 = Value(low.W, query < count);
                float x4 = Value(high.X, query < count), x5 = Value(high.Y, query < count), x6 = Value(high.Z, query < count), x7 = Value(high.W, query < count);
                var term = new U4 { X = BF16.Pack(x0, x1), Y = BF16.Pack(x2, x3), Z = BF16.Pack(x4, x5), W = BF16.Pack(x6, x7) };
                uint place = memory + (uint)(chunk / 8 * QueryTile) + TileLayout.Wide(query, chunk & 7);
                CudaShared.Store4(place, term);
                if (TTerms.Count == 2)
                {
                    var rest = new U4
                    {
                        X = BF16.Pack(x0 - BF16.Low(term.X), x1 - BF16.High(term.X)),
                        Y = BF16.Pack(x2 - BF16.Low(term.Y), x3 - BF16.High(term.Y)),
                        Z = BF16.Pack(x4 - BF16.Low(term.Z), x5 - BF16.High(term.Z)),
                        W = BF16.Pack(x6 - BF16.Low(term.W), x7 - BF16.High(term.W)),
                    };
                    CudaShared.Store4(place + AttentionRing.QueryBytes, rest);
                }
            }
        }
    }

    private static float Value(uint bits, bool exists) => exists ? Interop.IntAsFloat(bits) : 0;

    // Two weights as left sides: the first terms of sixteen positions are four registers, the second terms' lie behind all those.
    private static void Split<TTerms>(int index, float first, float second)
        where TTerms : struct, IActivationTerms
    {
        uint term = BF16.Pack(first, second);
        LeftSides.Set(index, term);
        if (TTerms.Count == 2)
        {
            LeftSides.Set((Scores / 2) + index, BF16.Pack(first - BF16.Low(term), second - BF16.High(term)));
        }
    }

    // Starts a warp group's 64 queries by 64 positions.
    private static void Score<TColumns, TTerms>(long queries, uint keys)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms
    {
        long right = WarpGroup.Turned(0) | (keys >> 4);
        WarpGroup.Fence();
        for (int i = 0; i < TColumns.Columns / Side; i++)
        {
            long at = queries + (i / 4 * (QueryTile >> 4)) + (i % 4 * 2), rows = right + (i * (Side * 128 >> 4));
            WarpGroup.MultiplyTurned(at, rows, i);
            if (TTerms.Count == 2)
            {
                WarpGroup.MultiplyTurned(at + (AttentionRing.QueryBytes >> 4), rows, 1);
            }
        }

        WarpGroup.Commit();
    }

    // Starts a warp group's 64 queries by all columns.
    private static void Mix<TColumns, TTerms>(uint values)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms
    {
        long right = WarpGroup.Turned(AttentionRing.ValueTile) | (values >> 4);
        WarpGroup.Fence();
        for (int step = 0; step < Cell / Side; step++)
        {
            long rows = right + (step * (Side * 128 >> 4));
            WarpGroup.MultiplyTurned(Scores, Scores + (TColumns.Columns / 2) - 1, TColumns.Columns, step * 4, rows);
            if (TTerms.Count == 2)
            {
                WarpGroup.MultiplyTurned(Scores, Scores + (TColumns.Columns / 2) - 1, TColumns.Columns, (Scores / 2) + (step * 4), rows);
            }
        }

        WarpGroup.Commit();
    }

    // The mixed values, divided by their weights, where the queries were: f32 rows of 4·D bytes, 16-byte chunks swizzled.
    private static void Leave<TColumns>(uint memory, int own, int pair, float upper, float lower)
        where TColumns : struct, IColumnTile
    {
        uint row = memory + (uint)(own * TColumns.Columns * 4) + (uint)((pair & 2) * 4);
        for (int i = 0; i < TColumns.Columns / 8; i++)
        {
            // A row and the eighth below it are swizzled alike.
            uint at = row + (uint)((((i * 2) + (pair >> 2)) ^ (own & 7)) * 16);
            Accumulators.Scale2(Scores + (i * 4), upper);
            Accumulators.Scale2(Scores + (i * 4) + 2, lower);
            Accumulators.Store2(Scores + (i * 4), at);
            Accumulators.Store2(Scores + (i * 4) + 2, at + (uint)(8 * TColumns.Columns * 4));
        }
    }

    private static void Store<TColumns>(
        uint memory, ArrayView<float> projected, ArrayView<float> output, int start, int firstHead, int heads, int group, int columns, int count, int dim)
        where TColumns : struct, IColumnTile
    {
        int across = TColumns.Columns / 4, all = Queries * dim / 4;
        for (int from = Group.IdxX; from < all; from += Threads * Ahead)
        {
            for (int u = 0; u < Ahead; u++)
            {
                int query = (from + (u * Threads)) / across, chunk = (from + (u * Threads)) % across;
                if (query < count)
                {
                    long row = start + (query / group);
                    int head = firstHead + (query % group);
                    U4 mixed = CudaShared.Load4(memory + (uint)(query * TColumns.Columns * 4) + (uint)((chunk ^ (query & 7)) * 16));
                    U4 gate = WideAccess.Load(ref projected[(((row * columns) + (2 * head) + 1) * dim) + (chunk * 4)]);
                    WideAccess.Store(
                        ref output[(((row * heads) + head) * dim) + (chunk * 4)],
                        Gated(mixed.X, gate.X), Gated(mixed.Y, gate.Y), Gated(mixed.Z, gate.Z), Gated(mixed.W, gate.W));
                }
            }
        }
    }

    private static float Gated(uint mixed, uint gate) => Interop.IntAsFloat(mixed) * Scalar.Sigmoid(Interop.IntAsFloat(gate));
}
