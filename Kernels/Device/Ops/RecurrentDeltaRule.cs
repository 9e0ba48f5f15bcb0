using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// gated_delta_rule for generated rows. Columns of the state [dk, dv] do not meet, so a group owns 32 of them for one
/// sequence and head, and walks the sequence's rows in order. Eight threads share a column: thread s sums over the s-th
/// eighth of dk in ascending order, and the eight sums are added in ascending order, twice a row (Sᵀk and Sᵀq).
/// </summary>
public static class RecurrentDeltaRule
{
    private const int Columns = 32;
    private const int Slices = 8;
    private const int Threads = Columns * Slices;
    private const int Slot = 3, Source = 4, Pitch = 5;
    private const float NormEpsilon = 1e-6f;

    /// <summary>The rule for one dk: the state stays in registers from a segment's first row to its last.</summary>
    [Kernel("recurrent_delta_rule", Threads, groups: "S*Heads", groupsY: "Dv/32", Unroll = true)]
    [Instance("k128", typeof(KeyDim128))]
    public static void Run<TKeyDim>(
        [Shape("T", "C")] ArrayView<float> convolved,
        [Shape("T", "Heads")] ArrayView<float> b,
        [Shape("T", "Heads")] ArrayView<float> a,
        [Shape("Heads")] ArrayView<float> decay,
        [Shape("Heads")] ArrayView<float> timeBias,
        [Shape("Slots", "Heads", "Dk", "Dv")] ArrayView<float> state,
        [Shape("S", "Columns")] ArrayView<int> segments,
        [Shape("T", "Heads*Dv")] ArrayView<float> output,
        [Extent("C")] int channels,
        [Extent("Heads")] int heads,
        [Extent("Dv")] int valueDim,
        [Extent("Columns")] int columns,
        [RowStride("b")] int bStride,
        [RowStride("a")] int aStride,
        int keyHeads)
        where TKeyDim : struct, IKeyDim
    {
        ArrayView<float> recalls = SharedMemory.Allocate<float>(Threads);
        ArrayView<float> reads = SharedMemory.Allocate<float>(Threads);
        ArrayView<float> norms = SharedMemory.Allocate<float>(2 * Slices);
        int thread = Group.IdxX, slice = thread / Columns, head = Grid.IdxX % heads;
        int j = (Grid.IdxY * Columns) + (thread % Columns), column = Math.Min(j, valueDim - 1);
        int segment = Grid.IdxX / heads * columns, first = segments[segment], end = first + segments[segment + 1];
        bool empty = segments[segment + 2] == 0;
        int own = TKeyDim.Value / Slices, keyHead = head / (heads / keyHeads);
        long size = (long)heads * TKeyDim.Value * valueDim, offset = ((((long)head * TKeyDim.Value) + (slice * own)) * valueDim) + column;
        long origin = (segments[segment + (columns > Source ? Source : Slot)] * size) + offset;
        long target = (segments[segment + Slot] * size) + offset, pitch = columns > Source ? segments[segment + (columns > Source ? Pitch : Slot)] * size : 0;
        float rate = GateMath.Exp(decay[head]), bias = timeBias[head];
        var s = new float[TKeyDim.Value / Slices];
        for (int i = 0; i < TKeyDim.Value / Slices; i++)
        {
            s[i] = empty ? 0 : state[origin + ((long)i * valueDim)];
        }

        for (int row = first; row < end; row++)
        {
            long query = ((long)row * channels) + (keyHead * TKeyDim.Value) + (slice * own), key = query + (keyHeads * TKeyDim.Value);
            var q = new float[TKeyDim.Value / Slices];
            var k = new float[TKeyDim.Value / Slices];
            float recall = 0, squaresK = 0, squaresQ = 0, read = 0;
            for (int i = 0; i < TKeyDim.Value / Slices; i++)
            {
                q[i] = convolved[query + i];
                k[i] = convolved[key + i];
                recall = Scalar.Fma(s[i], k[i], recall);
                squaresK = Scalar.Fma(k[i], k[i], squaresK);
                squaresQ = Scalar.Fma(q[i], q[i], squaresQ);
            }

            Share(recalls, norms, recall, squaresK, squaresQ);
            float kScale = Scalar.Rsqrt(Norm(norms, 0)), qScale = Scalar.Rsqrt(Norm(norms, Slices)) * Scalar.Rsqrt(TKeyDim.Value);
            float fade = GateMath.Exp(GateMath.LogDecay(rate, a[((long)row * aStride) + head], bias));
            float value = convolved[((long)row * channels) + (2 * keyHeads * TKeyDim.Value) + (head * valueDim) + column];
            float u = Update(value, fade, kScale * Total(recalls), b[((long)row * bStride) + head]) * kScale;
            for (int i = 0; i < TKeyDim.Value / Slices; i++)
            {
                s[i] = Scalar.Fma(k[i], u, fade * s[i]);
                read = Scalar.Fma(q[i], s[i], read);
            }

            reads[thread] = read;
            Group.Barrier();
            if (slice == 0 && j < valueDim)
            {
                output[((((long)row * heads) + head) * valueDim) + j] = Total(reads) * qScale;
            }

            for (int i = 0; i < TKeyDim.Value / Slices; i++)
            {
                if (j < valueDim)
                {
                    state[target + ((long)i * valueDim)] = s[i];
                }
            }

            target += pitch;
        }
    }

    /// <summary>The rule for any dk: the state stays in memory, where each element has one thread that reads and writes it.</summary>
    [Kernel("recurrent_delta_rule_any", Threads, groups: "S*Heads", groupsY: "Dv/32")]
    public static void RunAny(
        [Shape("T", "C")] ArrayView<float> convolved,
        [Shape("T", "Heads")] ArrayView<float> b,
        [Shape("T", "Heads")] ArrayView<float> a,
        [Shape("Heads")] ArrayView<float> decay,
        [Shape("Heads")] ArrayView<float> timeBias,
        [Shape("Slots", "Heads", "Dk", "Dv")] ArrayView<float> state,
        [Shape("S", "Columns")] ArrayView<int> segments,
        [Shape("T", "Heads*Dv")] ArrayView<float> output,
        [Extent("C")] int channels,
        [Extent("Heads")] int heads,
        [Extent("Dk")] int keyDim,
        [Extent("Dv")] int valueDim,
        [Extent("Columns")] int columns,
        [RowStride("b")] int bStride,
        [RowStride("a")] int aStride,
        int keyHeads)
    {
        ArrayView<float> recalls = SharedMemory.Allocate<float>(Threads);
        ArrayView<float> reads = SharedMemory.Allocate<float>(Threads);
        ArrayView<float> norms = SharedMemory.Allocate<float>(2 * Slices);
        int thread = Group.IdxX, slice = thread / Columns, head = Grid.IdxX % heads;
        int j = (Grid.IdxY * Columns) + (thread % Columns), column = Math.Min(j, valueDim - 1);
        int segment = Grid.IdxX / heads * columns, first = segments[segment], end = first + segments[segment + 1];
        bool empty = segments[segment + 2] == 0;
        int keyHead = head / (heads / keyHeads), share = (keyDim + Slices - 1) / Slices;
        long size = (long)heads * keyDim * valueDim, offset = ((long)head * keyDim * valueDim) + column;
        long origin = (segments[segment + (columns > Source ? Source : Slot)] * size) + offset;
        long target = (segments[segment + Slot] * size) + offset, pitch = columns > Source ? segments[segment + (columns > Source ? Pitch : Slot)] * size : 0;
        float rate = GateMath.Exp(decay[head]), bias = timeBias[head];

        // A thread beyond the last column has no elements. The first column, where norms are summed, always exists.
        int begin = slice * share, stop = j < valueDim ? Math.Min(begin + share, keyDim) : 0;
        for (int row = first; row < end; row++)
        {
            long query = ((long)row * channels) + (keyHead * keyDim), key = query + (keyHeads * keyDim);
            bool zero = empty && row == first;
            float recall = 0, squaresK = 0, squaresQ = 0, read = 0;
            for (int i = begin; i < stop; i++)
            {
                float q = convolved[query + i], k = convolved[key + i], s = zero ? 0 : state[origin + ((long)i * valueDim)];
                recall = Scalar.Fma(s, k, recall);
                squaresK = Scalar.Fma(k, k, squaresK);
                squaresQ = Scalar.Fma(q, q, squaresQ);
            }

            Share(recalls, norms, recall, squaresK, squaresQ);
            float kScale = Scalar.Rsqrt(Norm(norms, 0)), qScale = Scalar.Rsqrt(Norm(norms, Slices)) * Scalar.Rsqrt(keyDim);
            float fade = GateMath.Exp(GateMath.LogDecay(rate, a[((long)row * aStride) + head], bias));
            float value = convolved[((long)row * channels) + (2 * keyHeads * keyDim) + (head * valueDim) + column];
            float u = Update(value, fade, kScale * Total(recalls), b[((long)row * bStride) + head]) * kScale;
            for (int i = begin; i < stop; i++)
            {
                float old = zero ? 0 : state[origin + ((long)i * valueDim)];
                float s = Scalar.Fma(convolved[key + i], u, fade * old);
                state[target + ((long)i * valueDim)] = s;
                read = Scalar.Fma(convolved[query + i], s, read);
            }

            reads[thread] = read;
            Group.Barrier();
            if (slice == 0 && j < valueDim)
            {
                output[((((long)row * heads) + head) * valueDim) + j] = Total(reads) * qScale;
            }

            origin = target;
            target += pitch;
        }
    }

    // Two barriers a row are enough: whoever writes the sums of the next row has passed the one behind their last reading.
    private static void Share(ArrayView<float> recalls, ArrayView<float> norms, float recall, float squaresK, float squaresQ)
    {
        int slice = Group.IdxX / Columns;
        recalls[Group.IdxX] = recall;
        if (Group.IdxX % Columns == 0)
        {
            norms[slice] = squaresK;
            norms[Slices + slice] = squaresQ;
        }

        Group.Barrier();
    }

    private static float Norm(ArrayView<float> norms, int from)
    {
        float sum = norms[from];
        for (int i = 1; i < Slices; i++)
        {
            sum += norms[from + i];
        }

        return sum + NormEpsilon;
    }

    private static float Total(ArrayView<float> parts)
    {
        int column = Group.IdxX % Columns;
        float sum = parts[column];
        for (int i = 1; i < Slices; i++)
        {
            sum += parts[(i * Columns) + column];
        }

        return sum;
    }

    private static float Update(float value, float fade, float recall, float b) => Scalar.Fma(-fade, recall, value) * GateMath.Sigmoid(b);
}

/// <summary>dk as a constant.</summary>
public interface IKeyDim
{
    /// <summary>dk, a multiple of 8.</summary>
    static abstract int Value { get; }
}

/// <summary>dk of the published models.</summary>
public struct KeyDim128 : IKeyDim
{
    /// <inheritdoc/>
    public static int Value => 128;
}
