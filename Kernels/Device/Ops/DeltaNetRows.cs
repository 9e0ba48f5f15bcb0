using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// generated_delta_net on cards since Ampere: a group per sequence and key head does the convolution, the delta rule and the
/// gated norm of the key head's value heads, row after row, with the state [128, 128] of each in registers: warp w has the
/// keys 8w … 8w + 7, lane l the columns 4l … 4l + 3. Sums over keys are in ascending order within a warp, then by warps.
/// What is read before the update, Sᵀk and Sᵀq, is added up at once: with S' = f·S + k uᵀ, S'ᵀq = f·Sᵀq + (k·q)·u.
/// <para>
/// A group fills a multiprocessor, so memory would rest while groups compute. Where launches overlap, a group therefore reads
/// states that nobody writes any more before it waits for the projection, and asks L2 for the state of a group that has yet
/// to begin. On Hopper itself <see cref="DeltaNetColumns"/> runs.
/// </para>
/// </summary>
public static class DeltaNetRows
{
    private const int Dim = 128;
    private const int Taps = 4;
    private const int Threads = 512;
    private const int Warps = Threads / 32;
    private const int Keys = Dim / Warps;
    private const int Slot = 3, Source = 4, Pitch = 5;

    // Of a head's state that L2 is asked for.
    private const int Pieces = 8;
    private const float UnitEpsilon = 1e-6f;

    /// <summary>The rows of S sequences.</summary>
    /// <param name="x">f32, q, k and v.</param>
    /// <param name="b">f32.</param>
    /// <param name="a">f32.</param>
    /// <param name="z">f32.</param>
    /// <param name="convolution">f32.</param>
    /// <param name="history">f32, replaced.</param>
    /// <param name="decay">f32.</param>
    /// <param name="timeBias">f32.</param>
    /// <param name="norm">f32.</param>
    /// <param name="state">f32, replaced.</param>
    /// <param name="segments">Written before the launches that may still run, as always (<see cref="DependentLaunch"/>).</param>
    /// <param name="output">f32.</param>
    /// <param name="channels">C.</param>
    /// <param name="heads">Value heads.</param>
    /// <param name="columns">Of a segment.</param>
    /// <param name="xStride">Elements from a row to the next.</param>
    /// <param name="zStride">Likewise.</param>
    /// <param name="bStride">Likewise.</param>
    /// <param name="aStride">Likewise.</param>
    /// <param name="epsilon">ε of the norm.</param>
    /// <param name="settled">Not 0 where no launch that may still run writes history or state.</param>
    /// <param name="ahead">How many groups on the group is whose state L2 is asked for; 0 for none.</param>
    [Kernel("delta_net_rows", Threads, groups: "*", Unroll = true)]
    [Instance("single", typeof(OneValueHead))]
    [Instance("double", typeof(TwoValueHeads))]
    [Cuda("sm_80")]
    public static void Run<THeads>(
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
        [Extent("C")] int channels,
        [Extent("Heads")] int heads,
        [Extent("Columns")] int columns,
        [RowStride("x")] int xStride,
        [RowStride("z")] int zStride,
        [RowStride("b")] int bStride,
        [RowStride("a")] int aStride,
        float epsilon,
        int settled,
        int ahead)
        where THeads : struct, IValueHeads
    {
        ArrayView<float> inputs = SharedMemory.Allocate<float>(Threads);
        ArrayView<float> recalls = SharedMemory.Allocate<float>(Warps * Dim * THeads.Count);
        ArrayView<float> reads = SharedMemory.Allocate<float>(Warps * Dim * THeads.Count);
        ArrayView<float> updates = SharedMemory.Allocate<float>(Dim * THeads.Count);
        ArrayView<float> squares = SharedMemory.Allocate<float>(Warps);
        ArrayView<float> dots = SharedMemory.Allocate<float>(Warps);
        ArrayView<float> norms = SharedMemory.Allocate<float>(Warps);
        ArrayView<float> fades = SharedMemory.Allocate<float>(Warps);
        DependentLaunch.Allow();
        int thread = Group.IdxX, lane = thread & 31, warp = thread >> 5, keyHeads = heads / THeads.Count;
        int keyHead = Grid.IdxX % keyHeads, segment = Grid.IdxX / keyHeads * columns, firstHead = keyHead * THeads.Count;

        // A thread has a channel of the convolution: q, then k, then each value head's v; beyond them the last one again.
        int local = Math.Min(thread, ((THeads.Count + 2) * Dim) - 1);
        int channel = local < 2 * Dim ? (((local / Dim * keyHeads) + keyHead) * Dim) + (local % Dim) : (((2 * keyHeads) + firstHead - 2) * Dim) + local;
        bool convolves = thread < (THeads.Count + 2) * Dim;

        // And an output of the rule, in the order in which lanes leave their sums.
        int place = thread % Dim, own = Math.Min(thread / Dim, THeads.Count - 1), head = firstHead + own, column = (place % 32 * 4) + (place / 32);
        bool reduces = thread < THeads.Count * Dim;
        U4 taps = WideAccess.Load(ref convolution[(long)channel * Taps]);
        float rate = GateMath.Exp(decay[head]), bias = timeBias[head], weight = norm[column];
        if (settled == 0)
        {
            DependentLaunch.Wait();
        }

        int first = segments[segment], end = first + segments[segment + 1];
        bool empty = segments[segment + 2] == 0;
        long source = segments[segment + (columns > Source ? Source : Slot)], slot = segments[segment + Slot];
        long kept = segments[segment + (columns > Source ? Pitch : Slot)], pitch = columns > Source ? kept : 0;
        long past = (source * (Taps - 1) * channels) + channel;
        long origin = (((((source * heads) + firstHead) * Dim) + (warp * Keys)) * Dim) + (lane * 4);
        var s = new float[THeads.Count * Keys * 4];
        for (int i = 0; i < THeads.Count * Keys; i++)
        {
            U4 four = WideAccess.Load(ref state[origin + (((i / Keys * Dim) + (i % Keys)) * Dim)]);
            s[i * 4] = empty ? 0 : Interop.IntAsFloat(four.X);
            s[(i * 4) + 1] = empty ? 0 : Interop.IntAsFloat(four.Y);
            s[(i * 4) + 2] = empty ? 0 : Interop.IntAsFloat(four.Z);
            s[(i * 4) + 3] = empty ? 0 : Interop.IntAsFloat(four.W);
        }

        if (ahead > 0 && thread < Pieces * THeads.Count && Grid.IdxX + ahead < Grid.DimX)
        {
            // One piece a lane; a sequence that begins has no state to read.
            int other = (Grid.IdxX + ahead) / keyHeads * columns;
            long next = ((segments[other + (columns > Source ? Source : Slot)] * heads) + ((Grid.IdxX + ahead) % keyHeads * THeads.Count)) * (long)(Dim * Dim);
            if (segments[other + 2] > 0)
            {
                Prefetch.ToL2(ref state[next + (thread * (Dim * Dim / Pieces))], Dim * Dim / Pieces * sizeof(float));
            }
        }

        float oldest = empty ? 0 : history[past], older = empty ? 0 : history[past + channels], old = empty ? 0 : history[past + (2L * channels)];
        if (settled != 0)
        {
            DependentLaunch.Wait();
        }

        for (int row = first; row < end; row++)
        {
            float now = x[((long)row * xStride) + channel], gate = z[((long)row * zStride) + (head * Dim) + column];
            float fade = GateMath.Exp(GateMath.LogDecay(rate, a[((long)row * aStride) + head], bias)), beta = GateMath.Sigmoid(b[((long)row * bStride) + head]);
            var sum = default(PreciseSum);
            sum.Add(Interop.IntAsFloat(taps.X), oldest);
            sum.Add(Interop.IntAsFloat(taps.Y), older);
            sum.Add(Interop.IntAsFloat(taps.Z), old);
            sum.Add(Interop.IntAsFloat(taps.W), now);
            oldest = older;
            older = old;
            old = now;
            float y = sum.Value, input = y * Scalar.Sigmoid(y), square = WarpSum(input * input);
            inputs[thread] = input;
            if (lane == 0)
            {
                squares[warp] = square;
            }

            Group.Barrier();
            var k = new float[Keys];
            var q = new float[Keys];
            float dot = 0;
            for (int i = 0; i < Keys; i++)
            {
                q[i] = inputs[(warp * Keys) + i];
                k[i] = inputs[Dim + (warp * Keys) + i];
                dot = Scalar.Fma(k[i], q[i], dot);
            }

            if (lane == 0)
            {
                dots[warp] = dot;
            }

            for (int h = 0; h < THeads.Count; h++)
            {
                for (int c = 0; c < 4; c++)
                {
                    float recall = 0, read = 0;
                    for (int i = 0; i < Keys; i++)
                    {
                        recall = Scalar.Fma(s[(((h * Keys) + i) * 4) + c], k[i], recall);
                        read = Scalar.Fma(s[(((h * Keys) + i) * 4) + c], q[i], read);
                    }

                    int at = (((warp * THeads.Count) + h) * Dim) + (c * 32) + lane;
                    recalls[at] = recall;
                    reads[at] = read;
                }
            }

            Group.Barrier();
            float result = 0;
            if (reduces)
            {
                float recall = 0, read = 0, product = 0;
                for (int w = 0; w < Warps; w++)
                {
                    int at = (((w * THeads.Count) + own) * Dim) + place;
                    recall += recalls[at];
                    read += reads[at];
                    product += dots[w];
                }

                float queries = squares[0] + squares[1] + squares[2] + squares[3], keys = squares[4] + squares[5] + squares[6] + squares[7];
                float keyScale = Scalar.Rsqrt(keys + UnitEpsilon), queryScale = Scalar.Rsqrt(queries + UnitEpsilon) * Scalar.Rsqrt(Dim);
                float update = Scalar.Fma(-fade, keyScale * recall, inputs[((own + 2) * Dim) + column]) * beta * keyScale;
                result = Scalar.Fma(product, update, fade * read) * queryScale;
                updates[thread] = update;
            }

            float resultSquares = WarpSum(result * result);
            if (lane == 0)
            {
                fades[warp] = fade;
                norms[warp] = resultSquares;
            }

            Group.Barrier();
            for (int h = 0; h < THeads.Count; h++)
            {
                float headFade = fades[h * (Dim / 32)];
                for (int c = 0; c < 4; c++)
                {
                    float update = updates[(h * Dim) + (c * 32) + lane];
                    for (int i = 0; i < Keys; i++)
                    {
                        int at = (((h * Keys) + i) * 4) + c;
                        s[at] = Scalar.Fma(k[i], update, headFade * s[at]);
                    }
                }
            }

            if (reduces)
            {
                int four = own * (Dim / 32);
                float scale = Scalar.Rsqrt(((norms[four] + norms[four + 1] + norms[four + 2] + norms[four + 3]) / Dim) + epsilon);
                output[((((long)row * heads) + head) * Dim) + column] = result * scale * weight * (gate * Scalar.Sigmoid(gate));
            }

            // A row's state goes to the row's slot: where all have one, the last one's stays.
            long target = (((((slot * heads) + firstHead) * Dim) + (warp * Keys)) * Dim) + (lane * 4), line = (slot * (Taps - 1) * channels) + channel;
            for (int i = 0; i < THeads.Count * Keys; i++)
            {
                WideAccess.Store(
                    ref state[target + (((i / Keys * Dim) + (i % Keys)) * Dim)], s[i * 4], s[(i * 4) + 1], s[(i * 4) + 2], s[(i * 4) + 3]);
            }

            if (convolves)
            {
                history[line] = oldest;
                history[line + channels] = older;
                history[line + (2L * channels)] = old;
            }

            slot += pitch;
        }
    }

    private static float WarpSum(float value)
    {
        value += Lanes.Xor(value, 16);
        value += Lanes.Xor(value, 8);
        value += Lanes.Xor(value, 4);
        value += Lanes.Xor(value, 2);
        return value + Lanes.Xor(value, 1);
    }
}

/// <summary>Value heads of a key head as a constant.</summary>
public interface IValueHeads
{
    /// <summary>How many.</summary>
    static abstract int Count { get; }
}

/// <summary>One.</summary>
public struct OneValueHead : IValueHeads
{
    /// <inheritdoc/>
    public static int Count => 1;
}

/// <summary>Two.</summary>
public struct TwoValueHeads : IValueHeads
{
    /// <inheritdoc/>
    public static int Count => 2;
}
