using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// generated_delta_net on Hopper: as <see cref="DeltaNetRows"/>, but a group has 32 columns of one value head, which do not
/// meet before the norm, so that few rows fill the card and many groups share a multiprocessor. The groups of a key head are
/// a cluster: each does the convolution of q and k again, one of them replaces its history when all have read it, and those
/// of a value head tell each other the squares of their results.
/// <para>
/// Warp w has the keys 32w … 32w + 31, whose convolution its lanes do; lane l has the state of eight of them, from 8·(l / 8)
/// on, and of the columns 4·(l mod 8) … + 3, and owns the column 4·(l mod 8) + l / 8. Sums over keys are in ascending order in
/// a lane, then over lanes as the tree of l ^ 16 and l ^ 8, then by warps; squares of a head over lanes, then by parts.
/// </para>
/// <para>
/// States are read before the projection is waited for, where nobody writes them any more, and L2 is asked for those of
/// groups that have yet to begin: groups of a cluster wait for each other, and memory must not rest meanwhile.
/// </para>
/// </summary>
public static class DeltaNetColumns
{
    private const int Dim = 128;
    private const int Taps = 4;
    private const int Threads = 128;
    private const int Columns = 32;
    private const int Parts = Dim / Columns;
    private const int Warps = Threads / 32;
    private const int WarpKeys = Dim / Warps;
    private const int Keys = WarpKeys / 4;
    private const int Slot = 3, Source = 4, Pitch = 5;
    private const float UnitEpsilon = 1e-6f;

    // Shared memory, in bytes: q and k of a warp's keys; what warps add up, Sᵀk and Sᵀq by columns, then k·q, k·k and q·q; the
    // squares of the head's groups, of one row and of the next; the taps of each thread's channels of q, k and v.
    private const int WarpBytes = 32 * sizeof(float);
    private const int TapBytes = Threads * Taps * sizeof(float);
    private const int VectorsAt = 0;
    private const int RecallsAt = VectorsAt + (Warps * 2 * WarpBytes);
    private const int ReadsAt = RecallsAt + (Warps * WarpBytes);
    private const int DotsAt = ReadsAt + (Warps * WarpBytes);
    private const int SquaresAt = DotsAt + (Warps * 4 * sizeof(float));
    private const int TapsAt = SquaresAt + (2 * Parts * sizeof(float));
    private const int Bytes = TapsAt + (3 * TapBytes);

    /// <summary>The rows of S sequences: see <see cref="DeltaNetRows.Run"/>; ahead counts clusters. Where they go: <see cref="DeltaNetSums.Leave"/>.</summary>
    [Kernel("delta_net_columns", Threads, groups: "*", Unroll = true)]
    [Instance("single", typeof(OneValueHead), typeof(NumberRows), Cluster = Parts)]
    [Instance("double", typeof(TwoValueHeads), typeof(NumberRows), Cluster = 2 * Parts)]
    [Instance("single_pieces", typeof(OneValueHead), typeof(PieceRows), Cluster = Parts)]
    [Instance("double_pieces", typeof(TwoValueHeads), typeof(PieceRows), Cluster = 2 * Parts)]
    [Cuda("sm_90a", SharedBytes = Bytes, GroupsTogether = 5)]
    public static void Run<THeads, TForm>(
        [Shape("T", "C")] ArrayView<float> x,
        [Shape("T", "Heads")] ArrayView<float> b,
        [Shape("T", "Heads")] ArrayView<float> a,
        [Shape("T", "Heads*128")] ArrayView<float> z,
        [Shape("C", "4")] ArrayView<float> convolution,
        [Shape("Slots", "3", "C")] ArrayView<float> history,
        [Shape("Heads")] ArrayView<float> decay,
        [Shape("Heads")] ArrayView<float> timeBias,
        [Shape("128")] ArrayView<float> norm,
        [Shape("Slots", "Heads", "128", "128")] ArrayView<float> state,
        [Shape("S", "Columns")] ArrayView<int> segments,
        [Shape("T", "Heads*128")] ArrayView<float> output,
        [Shape("B", "W")] ArrayView<int> terms,
        [Extent("C")] int channels,
        [Extent("Heads")] int heads,
        [Extent("Columns")] int columns,
        [RowStride("x")] int xStride,
        [RowStride("z")] int zStride,
        [RowStride("b")] int bStride,
        [RowStride("a")] int aStride,
        float epsilon,
        int settled,
        int ahead,
        int blocks,
        int eightsShift,
        int count)
        where THeads : struct, IValueHeads
        where TForm : struct, IRowForm
    {
        DependentLaunch.Allow();
        Cluster.Arrive();
        int lane = Group.IdxX & 31, warp = Lanes.First(Group.IdxX >> 5), keyHeads = heads / THeads.Count;
        int rank = Grid.IdxX % (THeads.Count * Parts), part = rank % Parts, cluster = Grid.IdxX / (THeads.Count * Parts);
        int keyHead = cluster % keyHeads, segment = cluster / keyHeads * columns, head = (keyHead * THeads.Count) + (rank / Parts);
        int eighth = lane & 7, quarter = lane >> 3, column = (part * Columns) + (eighth * 4) + quarter;
        uint memory = CudaShared.Base(), vectors = memory + (uint)(VectorsAt + (warp * 2 * WarpBytes));
        int queryChannel = (keyHead * Dim) + (warp * WarpKeys) + lane, keyChannel = (keyHeads * Dim) + queryChannel;
        int valueChannel = (2 * keyHeads * Dim) + (head * Dim) + column;
        uint taps = memory + (uint)(TapsAt + (Group.IdxX * Taps * sizeof(float)));
        CopyAsync.Sixteen(taps, ref convolution[(long)queryChannel * Taps]);
        CopyAsync.Sixteen(taps + TapBytes, ref convolution[(long)keyChannel * Taps]);
        CopyAsync.Sixteen(taps + (2 * TapBytes), ref convolution[(long)valueChannel * Taps]);
        CopyAsync.Commit();
        float rate = GateMath.Exp(decay[head]), bias = timeBias[head], weight = norm[column];
        int first = segments[segment], end = first + segments[segment + 1];
        bool empty = segments[segment + 2] == 0;
        long source = segments[segment + (columns > Source ? Source : Slot)], slot = segments[segment + Slot];
        long kept = segments[segment + (columns > Source ? Pitch : Slot)], pitch = columns > Source ? kept : 0;
        int other = Math.Min(cluster + ahead, (Grid.DimX / (THeads.Count * Parts)) - 1), otherSegment = other / keyHeads * columns;
        int otherSource = segments[otherSegment + (columns > Source ? Source : Slot)];
        bool asks = other > cluster && other == cluster + ahead && segments[otherSegment + 2] > 0 && warp == Warps - 1;
        if (settled == 0)
        {
            DependentLaunch.Wait();
        }

        long origin = (((((source * heads) + head) * Dim) + (warp * WarpKeys) + (quarter * Keys)) * Dim) + (part * Columns) + (eighth * 4);
        long past = source * (Taps - 1) * channels;
        var s = new float[Keys * 4];
        var query = new float[Taps - 1];
        var key = new float[Taps - 1];
        var value = new float[Taps - 1];
        if (!empty)
        {
            for (int i = 0; i < Keys; i++)
            {
                U4 four = WideAccess.Load(ref state[origin + (i * Dim)]);
                s[i * 4] = Interop.IntAsFloat(four.X);
                s[(i * 4) + 1] = Interop.IntAsFloat(four.Y);
                s[(i * 4) + 2] = Interop.IntAsFloat(four.Z);
                s[(i * 4) + 3] = Interop.IntAsFloat(four.W);
            }

            for (int i = 0; i < Taps - 1; i++)
            {
                query[i] = history[past + ((long)i * channels) + queryChannel];
                key[i] = history[past + ((long)i * channels) + keyChannel];
                value[i] = history[past + ((long)i * channels) + valueChannel];
            }
        }

        if (asks)
        {
            Ask<THeads>(history, state, otherSource, channels, heads, keyHeads, other % keyHeads, rank, lane);
        }

        CopyAsync.Wait(0);
        if (settled != 0)
        {
            DependentLaunch.Wait();
        }

        // All groups of the cluster have begun.
        Cluster.Wait();
        for (int row = first; row < end; row++)
        {
            long line = (long)row * xStride;
            float newQuery = x[line + queryChannel], newKey = x[line + keyChannel], newValue = x[line + valueChannel];
            float gate = z[((long)row * zStride) + (head * Dim) + column], decayed = a[((long)row * aStride) + head], given = b[((long)row * bStride) + head];
            SharedWords.Store(vectors + (uint)(lane * 4), DeltaNetSums.Convolve(SharedWords.Load4(taps), query, newQuery));
            SharedWords.Store(vectors + (uint)(WarpBytes + (lane * 4)), DeltaNetSums.Convolve(SharedWords.Load4(taps + TapBytes), key, newKey));
            Lanes.Together();
            var q = new float[Keys];
            var k = new float[Keys];
            for (int i = 0; i < Keys; i += 4)
            {
                uint four = vectors + (uint)(((quarter * Keys) + i) * sizeof(float));
                U4 queries = SharedWords.Load4(four), keys = SharedWords.Load4(four + WarpBytes);
                q[i] = Interop.IntAsFloat(queries.X);
                q[i + 1] = Interop.IntAsFloat(queries.Y);
                q[i + 2] = Interop.IntAsFloat(queries.Z);
                q[i + 3] = Interop.IntAsFloat(queries.W);
                k[i] = Interop.IntAsFloat(keys.X);
                k[i + 1] = Interop.IntAsFloat(keys.Y);
                k[i + 2] = Interop.IntAsFloat(keys.Z);
                k[i + 3] = Interop.IntAsFloat(keys.W);
            }

            var recalls = new float[4];
            var reads = new float[4];
            float dot = 0, keySquares = 0, querySquares = 0;
            for (int i = 0; i < Keys; i++)
            {
                dot = Scalar.Fma(k[i], q[i], dot);
                keySquares = Scalar.Fma(k[i], k[i], keySquares);
                querySquares = Scalar.Fma(q[i], q[i], querySquares);
                for (int c = 0; c < 4; c++)
                {
                    recalls[c] = Scalar.Fma(s[(i * 4) + c], k[i], recalls[c]);
                    reads[c] = Scalar.Fma(s[(i * 4) + c], q[i], reads[c]);
                }
            }

            SharedWords.Store(memory + (uint)(RecallsAt + (warp * WarpBytes) + (lane * 4)), DeltaNetSums.ToOwn(recalls, lane));
            SharedWords.Store(memory + (uint)(ReadsAt + (warp * WarpBytes) + (lane * 4)), DeltaNetSums.ToOwn(reads, lane));
            var dots = new U4
            {
                X = Interop.FloatAsInt(DeltaNetSums.OverQuarters(dot)),
                Y = Interop.FloatAsInt(DeltaNetSums.OverQuarters(keySquares)),
                Z = Interop.FloatAsInt(DeltaNetSums.OverQuarters(querySquares)),
            };
            if (lane == 0)
            {
                SharedWords.Store4(memory + (uint)(DotsAt + (warp * 16)), dots);
            }

            float fade = GateMath.Exp(GateMath.LogDecay(rate, decayed, bias)), beta = GateMath.Sigmoid(given);
            float v = DeltaNetSums.Convolve(SharedWords.Load4(taps + (2 * TapBytes)), value, newValue);
            DeltaNetSums.Slide(query, newQuery);
            DeltaNetSums.Slide(key, newKey);
            DeltaNetSums.Slide(value, newValue);
            Group.Barrier();
            float recall = 0, read = 0, product = 0, keyLength = 0, queryLength = 0;
            for (int w = 0; w < Warps; w++)
            {
                U4 sums = SharedWords.Load4(memory + (uint)(DotsAt + (w * 16)));
                recall += SharedWords.Load(memory + (uint)(RecallsAt + (w * WarpBytes) + (lane * 4)));
                read += SharedWords.Load(memory + (uint)(ReadsAt + (w * WarpBytes) + (lane * 4)));
                product += Interop.IntAsFloat(sums.X);
                keyLength += Interop.IntAsFloat(sums.Y);
                queryLength += Interop.IntAsFloat(sums.Z);
            }

            float keyScale = Scalar.Rsqrt(keyLength + UnitEpsilon), queryScale = Scalar.Rsqrt(queryLength + UnitEpsilon) * Scalar.Rsqrt(Dim);
            float update = Scalar.Fma(-fade, keyScale * recall, v) * beta * keyScale, result = Scalar.Fma(product, update, fade * read) * queryScale;

            // Every warp has all of the group's results and tells one part of the head, its own among them. What a group may still
            // read of a row lies elsewhere than what another already sends of the next; further ahead nobody can be.
            float square = DeltaNetSums.OfWarp(result * result);
            uint squares = memory + (uint)(SquaresAt + (((row - first) & 1) * Parts * 4));
            if (lane == 0)
            {
                Cluster.Store(squares + (uint)(part * 4), square, rank - part + warp);
            }

            Cluster.Arrive();
            long target = (((((slot * heads) + head) * Dim) + (warp * WarpKeys) + (quarter * Keys)) * Dim) + (part * Columns) + (eighth * 4);
            for (int c = 0; c < 4; c++)
            {
                float own = Lanes.From(update, (c * 8) + eighth);
                for (int i = 0; i < Keys; i++)
                {
                    s[(i * 4) + c] = Scalar.Fma(k[i], own, fade * s[(i * 4) + c]);
                }
            }

            // A row's state goes to the row's slot: where all have one, the last one's stays.
            for (int i = 0; i < Keys; i++)
            {
                Streaming.Store(ref state[target + (i * Dim)], s[i * 4], s[(i * 4) + 1], s[(i * 4) + 2], s[(i * 4) + 3]);
            }

            Cluster.Wait();
            long place = slot * (Taps - 1) * channels;
            if (warp == 0)
            {
                U4 all = SharedWords.Load4(squares);
                float sum = Interop.IntAsFloat(all.X) + Interop.IntAsFloat(all.Y) + Interop.IntAsFloat(all.Z) + Interop.IntAsFloat(all.W);
                DeltaNetSums.Leave<TForm>(
                    output, terms, row, heads, head, column, blocks, eightsShift, count, Scalar.Multiply(result * Scalar.Rsqrt((sum / Dim) + epsilon) * weight, gate * Scalar.Sigmoid(gate)));
                DeltaNetSums.Keep(history, place + valueChannel, channels, value);
            }

            // Nobody reads the row's past any more.
            if (rank == 0)
            {
                DeltaNetSums.Keep(history, place + queryChannel, channels, query);
                DeltaNetSums.Keep(history, place + keyChannel, channels, key);
            }

            slot += pitch;
        }
    }

    // Asks L2 for what the cluster's groups read that has yet to begin: a group for a quarter of a state and its own values' past.
    private static void Ask<THeads>(
        ArrayView<float> history, ArrayView<float> state, long source, int channels, int heads, int keyHeads, int keyHead, int rank, int lane)
        where THeads : struct, IValueHeads
    {
        int head = (keyHead * THeads.Count) + (rank / Parts), part = rank % Parts;
        long line = ((source * (Taps - 1)) + ((lane + 2) % 3)) * channels;
        if (lane == 0)
        {
            Prefetch.ToL2(ref state[((((source * heads) + head) * Dim) + (part * Columns)) * Dim], Columns * Dim * sizeof(float));
        }
        else if (lane < 4)
        {
            Prefetch.ToL2(ref history[line + (((2 * keyHeads) + head) * Dim) + (part * Columns)], Columns * sizeof(float));
        }
        else if (rank == 0 && lane < 10)
        {
            Prefetch.ToL2(ref history[line + (((lane < 7 ? 0 : keyHeads) + keyHead) * Dim)], Dim * sizeof(float));
        }
    }
}
