using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// generated_delta_net on Hopper where there are many rows: the sums of <see cref="DeltaNetColumns"/>, to the bit, in groups that
/// stay, one on a multiprocessor. Each has an even share of all sequences' key heads and goes through their value heads; a warp
/// beside the others has the copy engine bring the states of those to come, with the past of their convolution, and take away
/// the new ones. So memory does not rest where groups begin, meet and end, and nobody waits until it has taken what he stores.
/// A key head's value heads are one group's, since they share the past of q and k: the last of them replaces it.
/// <para>
/// Warps 4p … 4p + 3 are the part p of a head, the columns 32p … 32p + 31, as a group of <see cref="DeltaNetColumns"/> is. A
/// thread convolves a channel of q, k or v for all, and its part of the state is its own from the stage and back.
/// </para>
/// </summary>
public static class DeltaNetHeads
{
    private const int Dim = 128;
    private const int Taps = 4;
    private const int Workers = 512;
    private const int Threads = Workers + 32;
    private const int Columns = 32;
    private const int Parts = Dim / Columns;
    private const int KeyWarps = Workers / 32 / Parts;
    private const int WarpKeys = Dim / KeyWarps;
    private const int Keys = WarpKeys / 4;
    private const int Slot = 3;
    private const float UnitEpsilon = 1e-6f;

    // The barrier of the threads that work.
    private const int Work = 1;

    // Shared memory, in bytes, behind the stages: q, k and v; what warps add up, Sᵀk and Sᵀq by columns, then k·q, k·k and q·q;
    // the squares of the parts.
    private const int LineBytes = DeltaNetStages.LineBytes;
    private const int VectorsAt = DeltaNetStages.Bytes;
    private const int RecallsAt = VectorsAt + (3 * LineBytes);
    private const int ReadsAt = RecallsAt + (KeyWarps * LineBytes);
    private const int DotsAt = ReadsAt + (KeyWarps * LineBytes);
    private const int SquaresAt = DotsAt + (KeyWarps * 4 * sizeof(float));
    private const int Bytes = SquaresAt + (Parts * sizeof(float));

    /// <summary>The rows of S sequences: see <see cref="DeltaNetRows.Run"/>; where they go, <see cref="DeltaNetSums.Leave"/>.</summary>
    [Kernel("delta_net_heads", Threads, groups: "*", Unroll = true)]
    [Instance("single", typeof(OneValueHead), typeof(NumberRows))]
    [Instance("double", typeof(TwoValueHeads), typeof(NumberRows))]
    [Instance("single_pieces", typeof(OneValueHead), typeof(PieceRows))]
    [Instance("double_pieces", typeof(TwoValueHeads), typeof(PieceRows))]
    [Cuda("sm_90a", SharedBytes = Bytes, GroupsTogether = 1)]
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
        [Extent("S")] int sequences,
        [Extent("Columns")] int columns,
        [RowStride("x")] int xStride,
        [RowStride("z")] int zStride,
        [RowStride("b")] int bStride,
        [RowStride("a")] int aStride,
        float epsilon,
        int settled,
        int blocks,
        int eightsShift,
        int count)
        where THeads : struct, IValueHeads
        where TForm : struct, IRowForm
    {
        DependentLaunch.Allow();
        int thread = Group.IdxX, lane = thread & 31, warp = Lanes.First(thread >> 5), keyHeads = heads / THeads.Count, pairs = sequences * keyHeads;
        int item = RowStream.Begin(pairs, Grid.IdxX) * THeads.Count, end = RowStream.Begin(pairs, Grid.IdxX + 1) * THeads.Count;
        uint memory = CudaShared.Base(), vectors = memory + VectorsAt;
        if (thread == 0)
        {
            DeltaNetStages.Make(memory, Workers);
        }

        Group.Barrier();
        if (warp == Workers / 32)
        {
            if (lane == 0)
            {
                DeltaNetStages.Carry<THeads>(history, state, segments, channels, heads, sequences, columns, settled, item, end, memory);
            }

            return;
        }

        DependentLaunch.Wait();
        int part = warp / KeyWarps, keyWarp = warp % KeyWarps, eighth = lane & 7, quarter = lane >> 3;
        int column = (part * Columns) + (eighth * 4) + quarter, ownKeys = (keyWarp * WarpKeys) + (quarter * Keys);
        uint ownState = (uint)((ownKeys * LineBytes) + (((part * Columns) + (eighth * 4)) * sizeof(float)));
        uint sums = memory + (uint)(((part * Columns) + lane) * sizeof(float));

        // A channel of q, of k or of v; beyond them the last one again.
        int local = Math.Min(thread, (3 * Dim) - 1), third = local / Dim;
        float weight = norm[column];
        var place = default(RingPlace);
        for (; item < end; item++)
        {
            int pair = item / THeads.Count, own = item - (pair * THeads.Count), keyHead = pair / sequences, segment = (pair - (keyHead * sequences)) * columns;
            int head = (keyHead * THeads.Count) + own, channel = (((third * keyHeads) + (third == 2 ? head : keyHead)) * Dim) + (local - (third * Dim));
            int row = segments[segment], last = row + segments[segment + 1] - 1;
            bool begins = segments[segment + 2] == 0;
            long slot = segments[segment + Slot], pitch = DeltaNetStages.Step(segments, segment, columns);
            U4 taps = WideAccess.Load(ref convolution[(long)channel * Taps]);
            float rate = GateMath.Exp(decay[head]), bias = timeBias[head], now = 0, gate = 0, decayed = 0, given = 0;
            if (row <= last)
            {
                now = x[((long)row * xStride) + channel];
                gate = z[((long)row * zStride) + (head * Dim) + column];
                decayed = a[((long)row * aStride) + head];
                given = b[((long)row * bStride) + head];
            }

            uint stage = memory + (uint)(place.Stage * DeltaNetStages.StageBytes), done = DeltaNetStages.Done(memory, place.Stage);
            AsyncBarrier.Wait(DeltaNetStages.Full(memory, place.Stage), place.Parity);
            place = RingPlace.Next(place, DeltaNetStages.Count);
            var s = new float[Keys * 4];
            var past = new float[Taps - 1];
            if (row > last)
            {
                AsyncBarrier.Arrive(done);
            }
            else if (!begins)
            {
                for (int i = 0; i < Keys; i++)
                {
                    U4 four = SharedWords.Load4(stage + ownState + (uint)(i * LineBytes));
                    s[i * 4] = Interop.IntAsFloat(four.X);
                    s[(i * 4) + 1] = Interop.IntAsFloat(four.Y);
                    s[(i * 4) + 2] = Interop.IntAsFloat(four.Z);
                    s[(i * 4) + 3] = Interop.IntAsFloat(four.W);
                }

                for (int i = 0; i < Taps - 1; i++)
                {
                    past[i] = SharedWords.Load(stage + (uint)(DeltaNetStages.StateBytes + (((third * (Taps - 1)) + i) * LineBytes) + ((local - (third * Dim)) * sizeof(float))));
                }
            }

            for (; row <= last; row++)
            {
                float input = DeltaNetSums.Convolve(taps, past, now);
                if (thread < 3 * Dim)
                {
                    SharedWords.Store(vectors + (uint)(thread * sizeof(float)), input);
                }

                DeltaNetSums.Slide(past, now);
                WarpGroup.BarrierOfFour(Work);
                var q = new float[Keys];
                var k = new float[Keys];
                for (int i = 0; i < Keys; i += 4)
                {
                    uint four = vectors + (uint)((ownKeys + i) * sizeof(float));
                    U4 queries = SharedWords.Load4(four), keys = SharedWords.Load4(four + LineBytes);
                    q[i] = Interop.IntAsFloat(queries.X);
                    q[i + 1] = Interop.IntAsFloat(queries.Y);
                    q[i + 2] = Interop.IntAsFloat(queries.Z);
                    q[i + 3] = Interop.IntAsFloat(queries.W);
                    k[i] = Interop.IntAsFloat(keys.X);
                    k[i + 1] = Interop.IntAsFloat(keys.Y);
                    k[i + 2] = Interop.IntAsFloat(keys.Z);
                    k[i + 3] = Interop.IntAsFloat(keys.W);
                }

                float v = SharedWords.Load(vectors + (uint)((2 * LineBytes) + (column * sizeof(float))));
                var recalls = new float[4];
                var reads = new float[4];
                for (int i = 0; i < Keys; i++)
                {
                    for (int c = 0; c < 4; c++)
                    {
                        recalls[c] = Scalar.Fma(s[(i * 4) + c], k[i], recalls[c]);
                        reads[c] = Scalar.Fma(s[(i * 4) + c], q[i], reads[c]);
                    }
                }

                SharedWords.Store(sums + (uint)(RecallsAt + (keyWarp * LineBytes)), DeltaNetSums.ToOwn(recalls, lane));
                SharedWords.Store(sums + (uint)(ReadsAt + (keyWarp * LineBytes)), DeltaNetSums.ToOwn(reads, lane));
                if (part == 0)
                {
                    float dot = 0, keySquares = 0, querySquares = 0;
                    for (int i = 0; i < Keys; i++)
                    {
                        dot = Scalar.Fma(k[i], q[i], dot);
                        keySquares = Scalar.Fma(k[i], k[i], keySquares);
                        querySquares = Scalar.Fma(q[i], q[i], querySquares);
                    }

                    var dots = new U4
                    {
                        X = Interop.FloatAsInt(DeltaNetSums.OverQuarters(dot)),
                        Y = Interop.FloatAsInt(DeltaNetSums.OverQuarters(keySquares)),
                        Z = Interop.FloatAsInt(DeltaNetSums.OverQuarters(querySquares)),
                    };
                    if (lane == 0)
                    {
                        SharedWords.Store4(memory + (uint)(DotsAt + (keyWarp * 16)), dots);
                    }
                }

                float fade = GateMath.Exp(GateMath.LogDecay(rate, decayed, bias)), beta = GateMath.Sigmoid(given);
                WarpGroup.BarrierOfFour(Work);
                float recall = 0, read = 0, product = 0, keyLength = 0, queryLength = 0;
                for (int w = 0; w < KeyWarps; w++)
                {
                    U4 three = SharedWords.Load4(memory + (uint)(DotsAt + (w * 16)));
                    recall += SharedWords.Load(sums + (uint)(RecallsAt + (w * LineBytes)));
                    read += SharedWords.Load(sums + (uint)(ReadsAt + (w * LineBytes)));
                    product += Interop.IntAsFloat(three.X);
                    keyLength += Interop.IntAsFloat(three.Y);
                    queryLength += Interop.IntAsFloat(three.Z);
                }

                float keyScale = Scalar.Rsqrt(keyLength + UnitEpsilon), queryScale = Scalar.Rsqrt(queryLength + UnitEpsilon) * Scalar.Rsqrt(Dim);
                float update = Scalar.Fma(-fade, keyScale * recall, v) * beta * keyScale, result = Scalar.Fma(product, update, fade * read) * queryScale;

                // All warps of a part have its results.
                float square = DeltaNetSums.OfWarp(result * result);
                if (keyWarp == 0 && lane == 0)
                {
                    SharedWords.Store(memory + (uint)(SquaresAt + (part * sizeof(float))), square);
                }

                for (int c = 0; c < 4; c++)
                {
                    float each = Lanes.From(update, (c * 8) + eighth);
                    for (int i = 0; i < Keys; i++)
                    {
                        s[(i * 4) + c] = Scalar.Fma(k[i], each, fade * s[(i * 4) + c]);
                    }
                }

                // A row's state goes to the row's slot, the last one's through the stage. Where all have one slot, the last one's stays.
                if (row == last)
                {
                    for (int i = 0; i < Keys; i++)
                    {
                        SharedWords.Store4(stage + ownState + (uint)(i * LineBytes), Words(s, i * 4));
                    }

                    CudaShared.FenceForAsync();
                    AsyncBarrier.Arrive(done);
                }
                else if (pitch != 0)
                {
                    long target = (((((slot * heads) + head) * Dim) + ownKeys) * Dim) + (part * Columns) + (eighth * 4);
                    for (int i = 0; i < Keys; i++)
                    {
                        Streaming.Store(ref state[target + (i * Dim)], s[i * 4], s[(i * 4) + 1], s[(i * 4) + 2], s[(i * 4) + 3]);
                    }
                }

                WarpGroup.BarrierOfFour(Work);
                if (keyWarp == 0)
                {
                    U4 all = SharedWords.Load4(memory + SquaresAt);
                    float sum = Interop.IntAsFloat(all.X) + Interop.IntAsFloat(all.Y) + Interop.IntAsFloat(all.Z) + Interop.IntAsFloat(all.W);
                    DeltaNetSums.Leave<TForm>(
                        output, terms, row, heads, head, column, blocks, eightsShift, count, Scalar.Multiply(result * Scalar.Rsqrt((sum / Dim) + epsilon) * weight, gate * Scalar.Sigmoid(gate)));
                }

                if (thread < 3 * Dim && (third == 2 || own == THeads.Count - 1))
                {
                    DeltaNetSums.Keep(history, (slot * (Taps - 1) * channels) + channel, channels, past);
                }

                slot += pitch;
                if (row < last)
                {
                    now = x[((long)(row + 1) * xStride) + channel];
                    gate = z[((long)(row + 1) * zStride) + (head * Dim) + column];
                    decayed = a[((long)(row + 1) * aStride) + head];
                    given = b[((long)(row + 1) * bStride) + head];
                }
            }
        }
    }

    private static U4 Words(float[] s, int at) => new()
    {
        X = Interop.FloatAsInt(s[at]),
        Y = Interop.FloatAsInt(s[at + 1]),
        Z = Interop.FloatAsInt(s[at + 2]),
        W = Interop.FloatAsInt(s[at + 3]),
    };
}
