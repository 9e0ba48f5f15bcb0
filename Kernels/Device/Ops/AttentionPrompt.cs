using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// paged_attention, prompt rows, on Hopper, whose shared memory holds it: a group has up to 128 queries, the heads of one key/value
/// head of neighbouring rows, 64 to a warp group, and goes over the cells of their sequence with wgmma and an online softmax,
/// while one warp has the cells brought (<see cref="AttentionRing"/>). The products of a cell's values run while the next
/// cell's scores are weighed (Shah et al. 2024, "FlashAttention-3").
/// Queries and weights go in as two bf16 terms, x ≈ hi + lo, or rounded as one.
/// <para>
/// The order of a query: a score is one chain over d, for each 16 the first terms' products before the second's; a cell's
/// values are mixed in sixteens of positions, likewise; cells follow each other in the order of positions. What a tile's
/// later rows see and a query does not has the weight zero, which changes none of its sums.
/// </para>
/// </summary>
public static class AttentionPrompt
{
    private const int Threads = 384;
    private const int Cell = AttentionMath.Cell;
    private const int Side = 16;

    // A thread's scores of a cell, the first of its sums; the mixed values' follow.
    private const int Scores = Cell / 2;

    // 1 as its bits.
    private const uint One = 0x3f800000;

    // Eights of columns whose gates are on their way together.
    private const int Ahead = 8;

    /// <summary>Attends.</summary>
    /// <param name="queries">f32; the address is a multiple of 16, as that of the projected rows and the output.</param>
    /// <param name="projected">For the gates.</param>
    /// <param name="keys">bf16: the cache [B, KvHeads, D, 64].</param>
    /// <param name="values">bf16: the cache [B, KvHeads, 64, D].</param>
    /// <param name="segments">All of the step.</param>
    /// <param name="blocks">The cache blocks of each segment.</param>
    /// <param name="output">f32.</param>
    /// <param name="terms">Pairs of bf16: the rows as terms (<see cref="ActivationTerms"/>), which are then written instead of the output; or of no words.</param>
    /// <param name="sequences">S.</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="columns">D-wide columns of a projected row.</param>
    /// <param name="words">W.</param>
    /// <param name="blockStride">Elements from a segment's blocks to the next.</param>
    /// <param name="rows">Rows of prompts, the step's first.</param>
    /// <param name="kvHeads">Key/value heads, a 128th of the query heads at least.</param>
    /// <param name="tileRows">Rows of a group, at most as many as have 128 queries.</param>
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
        [Shape("K", "64"), Tile(AttentionRing.Rows)] TensorMap<ushort> keys,
        [Shape("V", "D"), Tile(AttentionRing.Rows)] TensorMap<ushort> values,
        [Shape("S", "4")] ArrayView<int> segments,
        [Shape("S", "M")] ArrayView<int> blocks,
        [Shape("T", "Heads", "D")] ArrayView<float> output,
        [Shape("R", "W")] ArrayView<int> terms,
        [Extent("S")] int sequences,
        [Extent("Heads")] int heads,
        [Extent("P")] int columns,
        [Extent("W")] int words,
        [RowStride("blocks")] int blockStride,
        int rows,
        int kvHeads,
        int tileRows)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms
    {
        DependentLaunch.Allow();
        uint memory = CudaShared.Base();
        int role = Lanes.First(Group.IdxX >> 7), group = heads / kvHeads;

        // The last rows see most: their tiles begin first.
        int tile = ((rows + tileRows - 1) / tileRows) - 1 - (Grid.IdxX / kvHeads), kvHead = Grid.IdxX % kvHeads;
        AttentionRing.Make<TTerms>(memory);
        Group.Barrier();
        if (role == 0)
        {
            WarpGroup.ReleaseRegisters(24);
            if (Lanes.First(Group.IdxX >> 5) == 0)
            {
                DependentLaunch.Wait();
                Bring<TColumns, TTerms>(memory, projected, segments, blocks, sequences, kvHead * group, group, columns, blockStride, tile, tileRows, rows, kvHead, kvHeads);
            }
        }
        else
        {
            WarpGroup.TakeRegisters(240);
            DependentLaunch.Wait();
            Attend<TColumns, TTerms>(memory, role - 1, queries, projected, segments, output, terms, sequences, heads, kvHead * group, group, columns, words, tile, tileRows, rows);
        }
    }

    // Keys of each cell, and behind them the values of the one before, as they are multiplied.
    private static void Bring<TColumns, TTerms>(
        uint memory,
        ArrayView<float> projected,
        ArrayView<int> segments,
        ArrayView<int> blocks,
        int sequences,
        int firstHead,
        int group,
        int columns,
        int blockStride,
        int tile,
        int tileRows,
        int rows,
        int kvHead,
        int kvHeads)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms
    {
        long keys = TensorCopy.Map(2), values = TensorCopy.Map(3);
        int parity = 0;
        RingPlace place = default;
        for (int segment = 0; segment < sequences; segment++)
        {
            AttentionPart part = AttentionPart.Of(segments, segment, tile, tileRows, rows);
            long table = (long)segment * blockStride;
            int before = 0;
            for (int block = 0; block < part.Cells; block++)
            {
                int cell = (blocks[table + block] * kvHeads) + kvHead;
                AttentionRing.BringKeys<TColumns, TTerms>(memory, place, keys, cell);
                place = AttentionRing.Next<TTerms>(place);
                if (block > 0)
                {
                    AttentionRing.BringValues<TColumns, TTerms>(memory, place, values, before);
                    place = AttentionRing.Next<TTerms>(place);
                }
                else
                {
                    // The gates are needed last of all: L2 is asked for them.
                    for (int query = Group.IdxX; query < part.Rows * group; query += 32)
                    {
                        long gate = ((long)(part.Start + (query / group)) * columns) + (2 * (firstHead + (query % group))) + 1;
                        Prefetch.ToL2(ref projected[gate * TColumns.Columns], TColumns.Columns * sizeof(float));
                    }
                }

                before = cell;
            }

            if (part.Cells > 0)
            {
                int visible = part.Seen + part.Rows - 1 - ((part.Cells - 1) * Cell);
                if (visible < Cell)
                {
                    AttentionRing.BringSeen<TColumns, TTerms>(memory, place, values, before, visible, parity);
                    parity ^= 1;
                }
                else
                {
                    AttentionRing.BringValues<TColumns, TTerms>(memory, place, values, before);
                }

                place = AttentionRing.Next<TTerms>(place);
            }
        }
    }

    // A warp group's 64 queries.
    private static void Attend<TColumns, TTerms>(
        uint memory,
        int turn,
        ArrayView<float> queries,
        ArrayView<float> projected,
        ArrayView<int> segments,
        ArrayView<float> output,
        ArrayView<int> terms,
        int sequences,
        int heads,
        int firstHead,
        int group,
        int columns,
        int words,
        int tile,
        int tileRows,
        int rows)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms
    {
        int lane = Group.IdxX & 31, own = (turn * AttentionQueries.Own) + (((Group.IdxX >> 5) & 3) * Side) + (lane >> 2), pair = (lane & 3) * 2;
        uint first = memory + (uint)(turn * AttentionQueries.Own * 128);
        float scale = AttentionMath.Scale(TColumns.Columns);
        long left = WarpGroup.Descriptor | (first >> 4);
        RingPlace place = default;
        for (int segment = 0; segment < sequences; segment++)
        {
            AttentionPart part = AttentionPart.Of(segments, segment, tile, tileRows, rows);
            if (part.Cells > 0)
            {
                // The segment's before may still be read.
                WarpGroup.Barrier(1 + turn);
                AttentionQueries.Bring<TColumns, TTerms>(memory, queries, ((long)part.Start * heads) + firstHead, heads, group, part.Rows * group, turn * AttentionQueries.Own);
                for (int i = 0; i < TColumns.Columns / 8; i++)
                {
                    Accumulators.Clear4(Scores + (i * 4));
                }

                // The queries have come.
                CudaShared.FenceForAsync();
                WarpGroup.Barrier(1 + turn);
                AttentionQueries.Keep<TColumns, TTerms>(first, Left<TTerms>());
                int upperSeen = part.Seen + Math.Min(own / group, part.Rows - 1) - pair, lowerSeen = part.Seen + Math.Min((own + 8) / group, part.Rows - 1) - pair;
                Score<TColumns, TTerms>(left, AttentionRing.Take<TColumns, TTerms>(memory, place));
                WarpGroup.Wait(0);
                AttentionRing.Release(memory, place.Stage);
                place = AttentionRing.Next<TTerms>(place);
                OnlineSoftmax softmax = OnlineSoftmax.Weigh(OnlineSoftmax.None(), part.Seen, upperSeen, lowerSeen, scale);
                OnlineSoftmax.Give<TTerms>();
                for (int block = 1; block < part.Cells; block++)
                {
                    int keys = place.Stage;
                    Score<TColumns, TTerms>(left, AttentionRing.Take<TColumns, TTerms>(memory, place));
                    place = AttentionRing.Next<TTerms>(place);
                    int values = place.Stage;
                    Mix<TColumns, TTerms>(AttentionRing.Take<TColumns, TTerms>(memory, place));
                    place = AttentionRing.Next<TTerms>(place);

                    // This cell's scores are there; the values of the one before are still mixed.
                    WarpGroup.Wait(1);
                    AttentionRing.Release(memory, keys);
                    softmax = OnlineSoftmax.Weigh(softmax, part.Seen - (block * Cell), upperSeen - (block * Cell), lowerSeen - (block * Cell), scale);
                    WarpGroup.Wait(0);
                    AttentionRing.Release(memory, values);

                    // Most cells have no larger score for any of the warp's queries: times one.
                    if (Lanes.Minimum(Interop.FloatAsInt(Scalar.Multiply(softmax.UpperShrink, softmax.LowerShrink))) != One)
                    {
                        for (int i = 0; i < TColumns.Columns / 8; i++)
                        {
                            Accumulators.Scale2(Scores + (i * 4), softmax.UpperShrink);
                            Accumulators.Scale2(Scores + (i * 4) + 2, softmax.LowerShrink);
                        }
                    }

                    OnlineSoftmax.Give<TTerms>();
                }

                Mix<TColumns, TTerms>(AttentionRing.Take<TColumns, TTerms>(memory, place));
                float upper = softmax.UpperWeights, lower = softmax.LowerWeights;
                upper += Lanes.Xor(upper, 1);
                lower += Lanes.Xor(lower, 1);
                upper += Lanes.Xor(upper, 2);
                lower += Lanes.Xor(lower, 2);
                WarpGroup.Wait(0);
                AttentionRing.Release(memory, place.Stage);
                place = AttentionRing.Next<TTerms>(place);
                Leave<TColumns, TTerms>(projected, output, terms, part.Start, firstHead, heads, group, columns, words, part.Rows * group, own, pair, 1 / upper, 1 / lower);
            }
        }
    }

    // The first register of the queries that stay in some: behind the weights' terms.
    private static int Left<TTerms>()
        where TTerms : struct, IActivationTerms => Scores / 2 * TTerms.Count;

    // Starts a warp group's 64 queries by 64 positions.
    private static void Score<TColumns, TTerms>(long queries, uint keys)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms
    {
        long right = WarpGroup.Turned(0) | (keys >> 4);
        WarpGroup.Fence();
        for (int i = 0; i < TColumns.Columns / Side; i++)
        {
            long at = queries + (i / 4 * (AttentionQueries.TileBytes >> 4)) + (i % 4 * 2), rows = right + (i * (Side * 128 >> 4));
            int kept = i - (TColumns.Columns / Side) + AttentionQueries.Kept<TColumns, TTerms>();
            if (kept >= 0)
            {
                WarpGroup.MultiplyTurned(0, Scores - 1, Cell, Left<TTerms>() + (kept * 4), rows);
            }
            else
            {
                WarpGroup.MultiplyTurned(at, rows, i);
            }

            if (TTerms.Count == 2)
            {
                WarpGroup.MultiplyTurned(at + (AttentionQueries.TermBytes >> 4), rows, 1);
            }
        }

        WarpGroup.Commit();
    }

    // Starts a warp group's 64 queries by all columns.
    private static void Mix<TColumns, TTerms>(uint values)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms
    {
        long right = WarpGroup.Turned(AttentionRing.TileBytes) | (values >> 4);
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

    // The mixed values, divided by their weights, times the gates, which come 64 columns at a time.
    private static void Leave<TColumns, TTerms>(
        ArrayView<float> projected,
        ArrayView<float> output,
        ArrayView<int> terms,
        int start,
        int firstHead,
        int heads,
        int group,
        int columns,
        int words,
        int count,
        int own,
        int pair,
        float upper,
        float lower)
        where TColumns : struct, IColumnTile
        where TTerms : struct, IActivationTerms
    {
        int known = Math.Min(own, count - 1), row = start + (known / group), head = firstHead + (known % group);
        long upperGate = ((((long)row * columns) + (2 * head) + 1) * TColumns.Columns) + pair, upperTarget = Target<TColumns>(row, head, heads, words, pair);
        known = Math.Min(own + 8, count - 1);
        row = start + (known / group);
        head = firstHead + (known % group);
        long lowerGate = ((((long)row * columns) + (2 * head) + 1) * TColumns.Columns) + pair, lowerTarget = Target<TColumns>(row, head, heads, words, pair);
        for (int part = 0; part < TColumns.Columns / 8; part += Ahead)
        {
            var gate = new float[Ahead * 4];
            for (int i = 0; i < Ahead; i++)
            {
                long first = WideAccess.Load2(ref projected[upperGate + ((part + i) * 8)]), second = WideAccess.Load2(ref projected[lowerGate + ((part + i) * 8)]);
                gate[i * 4] = Interop.IntAsFloat((uint)first);
                gate[(i * 4) + 1] = Interop.IntAsFloat((uint)(first >> 32));
                gate[(i * 4) + 2] = Interop.IntAsFloat((uint)second);
                gate[(i * 4) + 3] = Interop.IntAsFloat((uint)(second >> 32));
            }

            for (int i = 0; i < Ahead; i++)
            {
                int sum = Scores + ((part + i) * 4);
                gate[i * 4] = Accumulators.Get(sum) * upper * Scalar.Sigmoid(gate[i * 4]);
                gate[(i * 4) + 1] = Accumulators.Get(sum + 1) * upper * Scalar.Sigmoid(gate[(i * 4) + 1]);
                gate[(i * 4) + 2] = Accumulators.Get(sum + 2) * lower * Scalar.Sigmoid(gate[(i * 4) + 2]);
                gate[(i * 4) + 3] = Accumulators.Get(sum + 3) * lower * Scalar.Sigmoid(gate[(i * 4) + 3]);
            }

            if (words > 0)
            {
                for (int i = 0; i < Ahead; i++)
                {
                    U4 pairs = SplitProducts.Pairs(gate[i * 4], gate[(i * 4) + 1], gate[(i * 4) + 2], gate[(i * 4) + 3]);
                    Leave<TTerms>(terms, upperTarget + ((part + i) * 4), words, own < count, pairs.X, pairs.Z);
                    Leave<TTerms>(terms, lowerTarget + ((part + i) * 4), words, own + 8 < count, pairs.Y, pairs.W);
                }
            }

            if (words == 0 && own < count)
            {
                for (int i = 0; i < Ahead; i++)
                {
                    WideAccess.Store2(ref output[upperTarget + ((part + i) * 8)], gate[i * 4], gate[(i * 4) + 1]);
                }
            }

            if (words == 0 && own + 8 < count)
            {
                for (int i = 0; i < Ahead; i++)
                {
                    WideAccess.Store2(ref output[lowerTarget + ((part + i) * 8)], gate[(i * 4) + 2], gate[(i * 4) + 3]);
                }
            }
        }
    }

    // Of a row and head, as the output or the terms count.
    private static long Target<TColumns>(int row, int head, int heads, int words, int pair)
        where TColumns : struct, IColumnTile =>
        words == 0 ? ((((long)row * heads) + head) * TColumns.Columns) + pair : ((long)row * words) + (((head * TColumns.Columns) + pair) >> 1);

    private static void Leave<TTerms>(ArrayView<int> terms, long at, int words, bool exists, uint first, uint second)
        where TTerms : struct, IActivationTerms
    {
        if (exists)
        {
            terms[at] = (int)first;
            if (TTerms.Count == 2)
            {
                terms[at + (words >> 1)] = (int)second;
            }
        }
    }
}
