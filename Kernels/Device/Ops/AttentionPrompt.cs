using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// paged_attention, prompt rows, on Hopper, whose shared memory holds it: a group has 128 queries, the heads of one key/value
/// head of neighbouring rows, sixteen to a warp, and goes over the cells of their sequence with an online softmax, each
/// warp at its own pace (<see cref="AttentionRing"/>). Queries and weights go in as two bf16 terms, x ≈ hi + lo.
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
    private const int QueryBytes = Queries * 256 * 2 * 2;

    // 1 as its bits.
    private const uint One = 0x3f800000;

    // Copies of a thread that are on their way together.
    private const int Ahead = 4;

    // Sixteens of columns whose sums take turns.
    private const int Together = 2;

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
    [Instance("columns64", typeof(ColumnTile64))]
    [Instance("columns128", typeof(ColumnTile128))]
    [Instance("columns256", typeof(ColumnTile256))]
    [Cuda("sm_90a", SharedBytes = QueryBytes + AttentionRing.Bytes)]
    public static void Run<TColumns>(
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
    {
        DependentLaunch.Allow();
        uint memory = CudaShared.Base(), ring = memory + QueryBytes;
        int group = heads / kvHeads, tileRows = Queries / group, tiles = (rows + tileRows - 1) / tileRows;

        // The last rows see most: their tiles begin first.
        int tile = tiles - 1 - (Grid.IdxX / kvHeads), kvHead = Grid.IdxX % kvHeads;
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5, own = (warp * Side) + (lane >> 2), pair = (lane & 3) * 2;
        float scale = AttentionMath.Scale(TColumns.Columns);
        int number = 0;
        AttentionRing.Make(ring);
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
                long cell = ((long)blocks[table] * kvHeads) + kvHead;
                AttentionRing.BringKeys<TColumns>(ring, number, keys, cell, seen + last);
                AttentionRing.BringValues<TColumns>(ring, number + 1, values, cell, seen + last);
                BringQueries<TColumns>(memory, queries, firstQuery, heads, group, queryCount, dim);
                for (int i = 0; i < TColumns.Columns / 8; i++)
                {
                    Accumulators.Clear4(i * 4);
                }

                // The queries have come.
                Group.Barrier();
                int upperSeen = seen + Math.Min(own / group, last), lowerSeen = seen + Math.Min((own + 8) / group, last);
                float upperLargest = AttentionMath.Unseen, lowerLargest = AttentionMath.Unseen, upperWeights = 0, lowerWeights = 0;
                for (int block = 0; block < endBlock; block++)
                {
                    int visible = seen + last - ((block + 1) * Cell);
                    cell = ((long)blocks[table + Math.Min(block + 1, endBlock - 1)] * kvHeads) + kvHead;
                    Score<TColumns>(memory, AttentionRing.Take<TColumns>(ring, number), dim);
                    AttentionRing.Release(ring, number);
                    if (block + 1 < endBlock)
                    {
                        AttentionRing.BringKeys<TColumns>(ring, number + 2, keys, cell, visible);
                    }

                    if ((block + 1) * Cell > seen)
                    {
                        // Some query does not see all of the cell.
                        for (int i = 0; i < Cell / 2; i += 4)
                        {
                            for (int e = 0; e < 2; e++)
                            {
                                int position = (block * Cell) + (i * 2) + pair + e, sum = (TColumns.Columns / 2) + i + e;
                                Accumulators.Set(sum, position < upperSeen ? Accumulators.Get(sum) : AttentionMath.Unseen);
                                Accumulators.Set(sum + 2, position < lowerSeen ? Accumulators.Get(sum + 2) : AttentionMath.Unseen);
                            }
                        }
                    }

                    var weight = new float[Cell / 2];
                    float upperNow = upperLargest, lowerNow = lowerLargest;
                    for (int i = 0; i < Cell / 2; i += 4)
                    {
                        for (int e = 0; e < 2; e++)
                        {
                            weight[i + e] = Accumulators.Get((TColumns.Columns / 2) + i + e);
                            weight[i + e + 2] = Accumulators.Get((TColumns.Columns / 2) + i + e + 2);
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
                    for (int i = 0; i < Cell / 2; i += 4)
                    {
                        for (int e = 0; e < 2; e++)
                        {
                            weight[i + e] = Scalar.Exp2Normal(Scalar.Fma(weight[i + e], scale, upperShift));
                            weight[i + e + 2] = Scalar.Exp2Normal(Scalar.Fma(weight[i + e + 2], scale, lowerShift));
                            upperSum += weight[i + e];
                            lowerSum += weight[i + e + 2];
                        }
                    }

                    upperWeights = Scalar.Fma(upperWeights, upperShrink, upperSum);
                    lowerWeights = Scalar.Fma(lowerWeights, lowerShrink, lowerSum);

                    // Most cells have no larger score for any of the warp's queries: times one.
                    if (Lanes.Minimum(Interop.FloatAsInt(Scalar.Multiply(upperShrink, lowerShrink))) != One)
                    {
                        for (int i = 0; i < TColumns.Columns / 8; i++)
                        {
                            Accumulators.Scale2(i * 4, upperShrink);
                            Accumulators.Scale2((i * 4) + 2, lowerShrink);
                        }
                    }

                    if (block + 1 < endBlock)
                    {
                        AttentionRing.BringValues<TColumns>(ring, number + 3, values, cell, visible);
                    }

                    Mix<TColumns>(AttentionRing.Take<TColumns>(ring, number + 1), weight);
                    AttentionRing.Release(ring, number + 1);
                    number += 2;
                }

                upperWeights += Lanes.Xor(upperWeights, 1);
                lowerWeights += Lanes.Xor(lowerWeights, 1);
                upperWeights += Lanes.Xor(upperWeights, 2);
                lowerWeights += Lanes.Xor(lowerWeights, 2);

                // Nobody needs the queries any more.
                Group.Barrier();
                Leave<TColumns>(memory, own, pair, 1 / upperWeights, 1 / lowerWeights);
                Group.Barrier();
                Store<TColumns>(memory, projected, output, start, kvHead * group, heads, group, columns, queryCount, dim);
            }
        }
    }

    // Two terms of each query, a row of 2·D bytes of each; queries past the end are zeros.
    private static void BringQueries<TColumns>(uint memory, ArrayView<float> queries, long firstQuery, int heads, int group, int count, int dim)
        where TColumns : struct, IColumnTile
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
                uint place = memory + AttentionCells.ValuePlace<TColumns>(query, chunk);
                CudaShared.Store4(place, term);
                var rest = new U4
                {
                    X = BF16.Pack(x0 - BF16.Low(term.X), x1 - BF16.High(term.X)),
                    Y = BF16.Pack(x2 - BF16.Low(term.Y), x3 - BF16.High(term.Y)),
                    Z = BF16.Pack(x4 - BF16.Low(term.Z), x5 - BF16.High(term.Z)),
                    W = BF16.Pack(x6 - BF16.Low(term.W), x7 - BF16.High(term.W)),
                };
                CudaShared.Store4(place + (uint)(Queries * TColumns.Columns * 2), rest);
            }
        }
    }

    private static float Value(uint bits, bool exists) => exists ? Interop.IntAsFloat(bits) : 0;

    // A warp's 16 queries by 64 positions, behind the sums of the output.
    private static void Score<TColumns>(uint queries, uint keys, int dim)
        where TColumns : struct, IColumnTile
    {
        int lane = Group.IdxX & 31, row = ((Group.IdxX >> 5) * Side) + (lane & 15), sums = TColumns.Columns / 2;
        uint line = keys + (uint)((lane & 15) * 128);
        for (int i = 0; i < Cell / 8; i++)
        {
            Accumulators.Clear4(sums + (i * 4));
        }

        for (int d = 0; d < dim; d += 2 * Side)
        {
            for (int u = 0; u < 2; u++)
            {
                uint at = queries + AttentionCells.ValuePlace<TColumns>(row, (d / 8) + (u * 2) + (lane >> 4));
                U4 first = WarpMatrix.Load(at), second = WarpMatrix.Load(at + (uint)(Queries * TColumns.Columns * 2));
                var right = new U4[Cell / Side];
                for (int i = 0; i < Cell / Side; i++)
                {
                    int chunk = (i * 2) + (lane >> 4);
                    right[i] = WarpMatrix.LoadTransposed(line + (uint)((d + (u * Side)) * 128) + (uint)((chunk ^ (lane & 7)) * 16));
                }

                // A sum's second product waits for its first: the other sums' stand between them.
                for (int i = 0; i < Cell / Side; i++)
                {
                    WarpMatrix.Multiply(sums + (i * 8), first, right[i].X, right[i].Y);
                    WarpMatrix.Multiply(sums + (i * 8) + 4, first, right[i].Z, right[i].W);
                }

                for (int i = 0; i < Cell / Side; i++)
                {
                    WarpMatrix.Multiply(sums + (i * 8), second, right[i].X, right[i].Y);
                    WarpMatrix.Multiply(sums + (i * 8) + 4, second, right[i].Z, right[i].W);
                }
            }
        }
    }

    // A warp's 16 queries by all columns: a lane's weights are the left sides as they are.
    private static void Mix<TColumns>(uint values, float[] weight)
        where TColumns : struct, IColumnTile
    {
        int lane = Group.IdxX & 31;
        uint line = values + (uint)((lane & 15) * TColumns.Columns * 2);
        for (int step = 0; step < Cell / Side; step++)
        {
            int w = step * 8;
            var first = new U4
            {
                X = BF16.Pack(weight[w], weight[w + 1]),
                Y = BF16.Pack(weight[w + 2], weight[w + 3]),
                Z = BF16.Pack(weight[w + 4], weight[w + 5]),
                W = BF16.Pack(weight[w + 6], weight[w + 7]),
            };
            var second = new U4
            {
                X = BF16.Pack(weight[w] - BF16.Low(first.X), weight[w + 1] - BF16.High(first.X)),
                Y = BF16.Pack(weight[w + 2] - BF16.Low(first.Y), weight[w + 3] - BF16.High(first.Y)),
                Z = BF16.Pack(weight[w + 4] - BF16.Low(first.Z), weight[w + 5] - BF16.High(first.Z)),
                W = BF16.Pack(weight[w + 6] - BF16.Low(first.W), weight[w + 7] - BF16.High(first.W)),
            };
            for (int part = 0; part < TColumns.Columns / Side; part += Together)
            {
                var right = new U4[Together];
                for (int u = 0; u < Together; u++)
                {
                    // Swizzled within each eight chunks.
                    int i = part + u, chunk = (i & 3) * 2;
                    right[u] = WarpMatrix.LoadTransposed(
                        line + (uint)((step * Side * TColumns.Columns * 2) + (i / 4 * 128)) + (uint)((chunk ^ ((lane >> 4) ^ (lane & 7))) * 16));
                }

                for (int u = 0; u < Together; u++)
                {
                    WarpMatrix.Multiply((part + u) * 8, first, right[u].X, right[u].Y);
                    WarpMatrix.Multiply(((part + u) * 8) + 4, first, right[u].Z, right[u].W);
                }

                for (int u = 0; u < Together; u++)
                {
                    WarpMatrix.Multiply((part + u) * 8, second, right[u].X, right[u].Y);
                    WarpMatrix.Multiply(((part + u) * 8) + 4, second, right[u].Z, right[u].W);
                }
            }
        }
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
            Accumulators.Scale2(i * 4, upper);
            Accumulators.Scale2((i * 4) + 2, lower);
            Accumulators.Store2(i * 4, at);
            Accumulators.Store2((i * 4) + 2, at + (uint)(8 * TColumns.Columns * 4));
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
