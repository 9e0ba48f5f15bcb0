using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>What a group of <see cref="AttentionRows"/> does, which has the order of sums.</summary>
public static class AttentionRowSums
{
    private const int Heads = AttentionRows.Heads;
    private const int Threads = AttentionCells.Threads;
    private const int Warps = Threads / 32;
    private const int Cell = AttentionMath.Cell;
    private const int RingBytes = AttentionCells.Places * AttentionCells.MostBytes;
    private const int WeightBytes = Heads * Cell * 4;
    private const int MaximaBytes = Warps * Heads * 4;

    // What the spans of a run have given so far: a thread's own sums, the largest score and Σ weights.
    private const int KeptLargest = 8, KeptWeights = 9, KeptStride = Threads * 4, KeptBytes = 10 * KeptStride;

    /// <summary>Bytes of shared memory for groups of one span each.</summary>
    public const int SpanBytes = RingBytes + WeightBytes + MaximaBytes;

    /// <summary>Where some have a run.</summary>
    public const int RunBytes = SpanBytes + KeptBytes;

    /// <summary>Attends for a row and key/value head, in a span or a run.</summary>
    public static void Attend<TColumns, TForm, TParts>(
        ArrayView<float> queries,
        ArrayView<float> projected,
        ArrayView<ushort> keys,
        ArrayView<ushort> values,
        ArrayView<int> segments,
        ArrayView<int> blocks,
        ArrayView<float> sums,
        ArrayView<float> totals,
        ArrayView<float> output,
        ArrayView<int> terms,
        int sequences,
        int heads,
        int kvHeads,
        int columns,
        int parts,
        int blockStride,
        int firstRow,
        int runs,
        int single,
        int headTiles,
        int termBlocks,
        int eightsShift,
        int termCount)
        where TColumns : struct, IColumnTile
        where TForm : struct, IRowForm
        where TParts : struct, ISpanParts
    {
        DependentLaunch.Allow();
        uint memory = CudaShared.Base();
        int pieces = kvHeads * headTiles, slot = Grid.IdxX / pieces, piece = Grid.IdxX % pieces;
        int kvHead = piece / headTiles, row = firstRow + slot, group = heads / kvHeads;
        int head = (kvHead * group) + (piece % headTiles * Heads), count = Math.Min(Heads, group - (piece % headTiles * Heads));
        int segment = AttentionCells.Segment(segments, sequences, row), named = Math.Max(segment, 0);
        int before = AttentionCells.Position(segments, named), position = segment < 0 ? -1 : before + row - AttentionCells.First(segments, named);
        int firstBlock = Grid.IdxY * AttentionRuns.SpanCells(position), endBlock = Math.Min(firstBlock + AttentionRuns.SpanCells(position), (position + Cell) / Cell);
        bool isRun = TParts.HasRuns && AttentionRuns.HasRuns(position) && Grid.IdxY < runs;
        if (TParts.HasRuns && AttentionRuns.HasRuns(position))
        {
            int whole = AttentionRuns.Whole(position, single);
            firstBlock = isRun ? Grid.IdxY * AttentionRuns.Cells : (whole * AttentionRuns.Cells) + ((Grid.IdxY - runs) * AttentionMath.SpanCells);
            endBlock = !isRun ? Math.Min(firstBlock + AttentionMath.SpanCells, (position + Cell) / Cell) : Grid.IdxY < whole ? firstBlock + AttentionRuns.Cells : 0;
        }

        long table = (long)named * blockStride;
        bool mine = firstBlock < endBlock, early = mine && firstBlock < before / Cell;
        long next = ((long)blocks[table + (mine ? firstBlock : 0)] * kvHeads) + kvHead;

        // Cells before the segment's own are as old as the step before: they may come while the kernel before this one runs.
        if (early)
        {
            Begin<TColumns>(memory, keys, values, next, Cell);
        }

        DependentLaunch.Wait();
        if (mine)
        {
            if (!early)
            {
                Begin<TColumns>(memory, keys, values, next, position + 1 - (firstBlock * Cell));
            }

            // As the owner of sums: one head, pairs of neighbouring positions or columns.
            int lane = Group.IdxX & 31, warp = Group.IdxX >> 5, own = lane >> 2, pair = (lane & 3) * 2;
            var query = new uint[TColumns.Columns / 4];
            BringQuery<TColumns>(memory + (uint)(2 * AttentionCells.Bytes<TColumns>()), query, queries, ((long)row * heads) + head, count);
            for (int i = 0; i < Tiles<TColumns>(); i++)
            {
                Accumulators.Clear4(i * 4);
            }

            uint weightsAt = memory + RingBytes, maxima = weightsAt + WeightBytes, runAt = maxima + MaximaBytes + (uint)(Group.IdxX * 4);
            float scale = AttentionMath.Scale(TColumns.Columns), largest = AttentionMath.Unseen, weights = 0;
            int place = 0;
            next = ((long)blocks[table + Math.Min(firstBlock + 1, endBlock - 1)] * kvHeads) + kvHead;
            for (int block = firstBlock; block < endBlock; block++)
            {
                // The keys have come, and every warp is done with the place that is filled next.
                int visible = position + 1 - (block * Cell), free = place == 0 ? 2 : place - 1;
                CopyAsync.Wait(1);
                Group.Barrier();
                if (block + 1 < endBlock)
                {
                    AttentionCells.BringKeys<TColumns>(memory + (uint)(free * AttentionCells.Bytes<TColumns>()), keys, next, visible - Cell);
                }

                CopyAsync.Commit();
                Score<TColumns>(memory + (uint)(place * AttentionCells.Bytes<TColumns>()), query);
                int sum = Tiles<TColumns>() * 4, at = (warp * 8) + pair;
                float first = Scalar.Multiply(Both(sum) + Both(sum + 4), scale), second = Scalar.Multiply(Both(sum + 1) + Both(sum + 5), scale);
                first = at < visible ? first : AttentionMath.Unseen;
                second = at + 1 < visible ? second : AttentionMath.Unseen;
                float most = AttentionMath.Larger(first, second);
                most = AttentionMath.Larger(most, Lanes.Xor(most, 1));
                most = AttentionMath.Larger(most, Lanes.Xor(most, 2));
                if (pair == 0)
                {
                    CudaShared.Store(maxima + (uint)(((warp * Heads) + own) * 4), Interop.FloatAsInt(most));
                }

                Group.Barrier();
                float now = largest;
                for (int w = 0; w < Warps; w++)
                {
                    now = AttentionMath.Larger(now, Interop.IntAsFloat(CudaShared.Load(maxima + (uint)(((w * Heads) + own) * 4))));
                }

                // Weights relative to the largest score so far, as the left sides of the products with the values.
                float shrink = AttentionMath.Shrink(largest, now);
                largest = now;
                first = Scalar.Exp2(first - now);
                second = Scalar.Exp2(second - now);
                weights = Scalar.Fma(weights, shrink, first + second);
                uint term = BF16.Pack(first, second), rest = BF16.Pack(first - BF16.Low(term), second - BF16.High(term));
                CudaShared.Store2(weightsAt + (uint)((((warp >> 1) * 32) + lane) * 16) + (uint)((warp & 1) * 8), term, rest);
                for (int i = 0; i < Tiles<TColumns>() * 2; i++)
                {
                    Accumulators.Scale2(i * 2, shrink);
                }

                // The values have come, and all weights are there.
                free = place;
                place = AttentionCells.Next(place);
                CopyAsync.Wait(1);
                Group.Barrier();
                if (block + 1 < endBlock)
                {
                    AttentionCells.BringValues<TColumns>(memory + (uint)(free * AttentionCells.Bytes<TColumns>()), values, next, visible - Cell);
                    next = ((long)blocks[table + Math.Min(block + 2, endBlock - 1)] * kvHeads) + kvHead;
                }

                CopyAsync.Commit();
                Mix<TColumns>(memory + (uint)(place * AttentionCells.Bytes<TColumns>()), weightsAt);
                place = AttentionCells.Next(place);

                // A span of a run ends and the next follows. Spans and runs begin at multiples of their length.
                if (TParts.HasRuns && (block + 1) % AttentionMath.SpanCells == 0 && block + 1 < endBlock)
                {
                    Keep<TColumns>(runAt, (block + 1) % AttentionRuns.Cells != AttentionMath.SpanCells, largest, Total(maxima, weights, warp, own, pair));
                    for (int i = 0; i < Tiles<TColumns>(); i++)
                    {
                        Accumulators.Clear4(i * 4);
                    }

                    largest = AttentionMath.Unseen;
                    weights = 0;
                }
            }

            // Asked for before the weights are summed: the row's last wait.
            bool alone = position < AttentionRuns.SpanCells(position) * Cell;
            int kept = Math.Min(own, count - 1), firstColumn = (warp * Tiles<TColumns>() * 8) + pair;
            long gates = ((((long)row * columns) + (2 * (head + kept)) + 1) * TColumns.Columns) + firstColumn;
            var gate = new float[Tiles<TColumns>() * 2];
            if (alone)
            {
                for (int i = 0; i < Tiles<TColumns>(); i++)
                {
                    long both = WideAccess.Load2(ref projected[gates + (i * 8)]);
                    gate[i * 2] = Interop.IntAsFloat((uint)both);
                    gate[(i * 2) + 1] = Interop.IntAsFloat((uint)(both >> 32));
                }
            }

            weights = Total(maxima, weights, warp, own, pair);
            if (isRun)
            {
                Keep<TColumns>(runAt, joins: true, largest, weights);
            }

            if (own < count)
            {
                long part = ((((long)slot * heads) + head + own) * parts) + Grid.IdxY, target = (((long)row * heads) + head + own) * TColumns.Columns;
                for (int i = 0; i < Tiles<TColumns>(); i++)
                {
                    float left = isRun ? Kept(runAt, i * 2) : Both(i * 4), right = isRun ? Kept(runAt, (i * 2) + 1) : Both((i * 4) + 1);
                    if (alone)
                    {
                        left = AttentionMath.Finish(left, weights, gate[i * 2]);
                        right = AttentionMath.Finish(right, weights, gate[(i * 2) + 1]);
                        if (TForm.ArePieces)
                        {
                            int k = ((head + own) * TColumns.Columns) + firstColumn + (i * 8);
                            RowTermPieces.Store(terms, RowTermPieces.Place(row, k, termBlocks, eightsShift, termCount), eightsShift, termCount, left, right);
                        }
                        else
                        {
                            WideAccess.Store2(ref output[target + firstColumn + (i * 8)], left, right);
                        }
                    }
                    else
                    {
                        WideAccess.Store2(ref sums[(part * TColumns.Columns) + firstColumn + (i * 8)], left, right);
                    }
                }

                if (!alone && warp == 0 && pair == 0)
                {
                    totals[part * 2] = isRun ? Kept(runAt, KeptLargest) : largest;
                    totals[(part * 2) + 1] = isRun ? Kept(runAt, KeptWeights) : weights;
                }
            }
        }
    }

    // Eights of columns that a warp has the sums of.
    private static int Tiles<TColumns>()
        where TColumns : struct, IColumnTile => TColumns.Columns / (Warps * 8);

    // Both terms of a head's sum.
    private static float Both(int sum) => Accumulators.Get(sum) + Accumulators.Get(sum + 2);

    // Σ weights of a span: four lanes, then the warps in their order. The maxima have been read.
    private static float Total(uint maxima, float weights, int warp, int own, int pair)
    {
        weights += Lanes.Xor(weights, 1);
        weights += Lanes.Xor(weights, 2);
        if (pair == 0)
        {
            CudaShared.Store(maxima + (uint)(((warp * Heads) + own) * 4), Interop.FloatAsInt(weights));
        }

        Group.Barrier();
        weights = 0;
        for (int w = 0; w < Warps; w++)
        {
            weights += Interop.IntAsFloat(CudaShared.Load(maxima + (uint)(((w * Heads) + own) * 4)));
        }

        return weights;
    }

    // Joins a span with those of its run before it, in shared memory: registers are scarce while cells are multiplied.
    private static void Keep<TColumns>(uint kept, bool joins, float largest, float weights)
        where TColumns : struct, IColumnTile
    {
        float before = joins ? Kept(kept, KeptLargest) : AttentionMath.Unseen, weightsBefore = joins ? Kept(kept, KeptWeights) : 0;
        float now = AttentionMath.Larger(before, largest), shrinkBefore = AttentionMath.Shrink(before, now), shrink = AttentionMath.Shrink(largest, now);
        CudaShared.Store(kept + (KeptLargest * KeptStride), Interop.FloatAsInt(now));
        CudaShared.Store(kept + (KeptWeights * KeptStride), Interop.FloatAsInt(AttentionMath.Join(weightsBefore, shrinkBefore, weights, shrink)));
        for (int i = 0; i < Tiles<TColumns>() * 2; i++)
        {
            float sum = Both((i / 2 * 4) + (i % 2)), sumBefore = joins ? Kept(kept, i) : 0;
            CudaShared.Store(kept + (uint)(i * KeptStride), Interop.FloatAsInt(AttentionMath.Join(sumBefore, shrinkBefore, sum, shrink)));
        }
    }

    private static float Kept(uint kept, int number) => Interop.IntAsFloat(CudaShared.Load(kept + (uint)(number * KeptStride)));

    private static void Begin<TColumns>(uint memory, ArrayView<ushort> keys, ArrayView<ushort> values, long cell, int visible)
        where TColumns : struct, IColumnTile
    {
        AttentionCells.BringKeys<TColumns>(memory, keys, cell, visible);
        CopyAsync.Commit();
        AttentionCells.BringValues<TColumns>(memory + (uint)AttentionCells.Bytes<TColumns>(), values, cell, visible);
        CopyAsync.Commit();
    }

    // The left sides of the scores' products: a warp writes a head's, eight of d to a lane, and every warp keeps all.
    private static void BringQuery<TColumns>(uint shared, uint[] query, ArrayView<float> queries, long firstHead, int count)
        where TColumns : struct, IColumnTile
    {
        int lane = Group.IdxX & 31, head = Group.IdxX >> 5;
        if (lane < TColumns.Columns / 8)
        {
            long from = ((firstHead + Math.Min(head, count - 1)) * TColumns.Columns) + (lane * 8);
            U4 low = WideAccess.Load(ref queries[from]), high = WideAccess.Load(ref queries[from + 4]);

            // Sixteen of d is a product; a lane's first four pairs are its lower eight, or its upper.
            uint at = shared + (uint)((((lane >> 1) * 32) + (head * 4)) * 16) + (uint)((lane & 1) * 8);
            bool exists = head < count;
            Split(at, low.X, low.Y, exists);
            Split(at + 16u, low.Z, low.W, exists);
            Split(at + 32u, high.X, high.Y, exists);
            Split(at + 48u, high.Z, high.W, exists);
        }

        Group.Barrier();
        for (int i = 0; i < TColumns.Columns / 16; i++)
        {
            U4 left = CudaShared.Load4(shared + (uint)(((i * 32) + lane) * 16));
            query[i * 4] = left.X;
            query[(i * 4) + 1] = left.Y;
            query[(i * 4) + 2] = left.Z;
            query[(i * 4) + 3] = left.W;
        }
    }

    private static void Split(uint at, uint first, uint second, bool exists)
    {
        float a = exists ? Interop.IntAsFloat(first) : 0, b = exists ? Interop.IntAsFloat(second) : 0;
        uint term = BF16.Pack(a, b);
        CudaShared.Store2(at, term, BF16.Pack(a - BF16.Low(term), b - BF16.High(term)));
    }

    // A warp's eight positions of a cell: even sixteens of d in four sums, odd ones in the next.
    private static void Score<TColumns>(uint keys, uint[] query)
        where TColumns : struct, IColumnTile
    {
        int lane = Group.IdxX & 31, sum = Tiles<TColumns>() * 4;
        uint at = keys + TileLayout.Wide(lane, Group.IdxX >> 5);
        Accumulators.Clear4(sum);
        Accumulators.Clear4(sum + 4);
        for (int i = 0; i < TColumns.Columns / 32; i++)
        {
            U4 right = WarpMatrix.LoadTransposed(at + (uint)(i * 32 * 128));
            int even = i * 8, odd = even + 4;
            WarpMatrix.Multiply(sum, new U4 { X = query[even], Y = query[even + 1], Z = query[even + 2], W = query[even + 3] }, right.X, right.Y);
            WarpMatrix.Multiply(sum + 4, new U4 { X = query[odd], Y = query[odd + 1], Z = query[odd + 2], W = query[odd + 3] }, right.Z, right.W);
        }
    }

    // A warp's columns of a cell's 64 values.
    private static void Mix<TColumns>(uint values, uint weights)
        where TColumns : struct, IColumnTile
    {
        int lane = Group.IdxX & 31, first = (Group.IdxX >> 5) * Tiles<TColumns>();
        for (int step = 0; step < Cell / 16; step++)
        {
            U4 left = CudaShared.Load4(weights + (uint)(((step * 32) + lane) * 16));
            for (int i = 0; i < Tiles<TColumns>(); i += 2)
            {
                // Sixteen positions of two eights of columns; where a warp has one, the second is not used.
                int chunk = first + i + (Tiles<TColumns>() > 1 ? lane >> 4 : 0);
                U4 right = WarpMatrix.LoadTransposed(values + AttentionCells.ValuePlace<TColumns>((step * 16) + (lane & 15), chunk));
                WarpMatrix.Multiply(i * 4, left, right.X, right.Y);
                if (Tiles<TColumns>() > 1)
                {
                    WarpMatrix.Multiply((i * 4) + 4, left, right.Z, right.W);
                }
            }
        }
    }
}
