using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// linear, generated rows. Each output is a sum over 32 lanes, lane l taking the terms of k with ⌊k/8⌋ mod 32 = l in
/// ascending k, joined by a fixed tree: nothing in it knows how many rows there are, so a row alone and a row among 64
/// have the same bits.
/// </summary>
public static class LinearGenerated
{
    private const int Lanes = 32;
    private const int Outputs = 8;
    private const int Run8 = 8;
    private const int Threads = Lanes * Outputs;
    private const int Rows = 4;

    /// <summary>output[t, column + n] = Σ_k x[t, k] · weight[n, k]; a group computes 8 outputs of 4 rows.</summary>
    [Kernel("linear_generated", Threads, groups: "N/8", groupsY: "T/4")]
    [Instance("bf16", typeof(BF16Weight), typeof(ushort))]
    [Instance("f32", typeof(F32Weight), typeof(float))]
    public static void Run<TFormat, TElement>(
        [Shape("T", "K")] ArrayView<float> x,
        [Shape("N", "K")] ArrayView<TElement> weight,
        [Shape("T", "N")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("K")] int inputs,
        [Extent("N")] int outputs,
        [RowStride("x")] int xStride,
        [RowStride("output")] int outputStride)
        where TFormat : struct, IWeightFormat<TElement>
        where TElement : unmanaged
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Threads * Rows);
        int lane = Group.IdxX % Lanes, local = Group.IdxX / Lanes;
        int n = (Grid.IdxX * Outputs) + local;
        int first = Grid.IdxY * Rows;

        // Rows and outputs past the end repeat the last one and are not stored.
        long w = (long)Math.Min(n, outputs - 1) * inputs;
        long x0 = (long)first * xStride;
        long x1 = (long)Math.Min(first + 1, rows - 1) * xStride;
        long x2 = (long)Math.Min(first + 2, rows - 1) * xStride;
        long x3 = (long)Math.Min(first + 3, rows - 1) * xStride;
        float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (int chunk = lane * Run8; chunk < inputs; chunk += Lanes * Run8)
        {
            int end = Math.Min(chunk + Run8, inputs);
            for (int k = chunk; k < end; k++)
            {
                float value = TFormat.Widen(weight[w + k]);
                s0 = Scalar.Fma(TFormat.Input(x[x0 + k]), value, s0);
                s1 = Scalar.Fma(TFormat.Input(x[x1 + k]), value, s1);
                s2 = Scalar.Fma(TFormat.Input(x[x2 + k]), value, s2);
                s3 = Scalar.Fma(TFormat.Input(x[x3 + k]), value, s3);
            }
        }

        int place = Group.IdxX * Rows;
        shared[place] = s0;
        shared[place + 1] = s1;
        shared[place + 2] = s2;
        shared[place + 3] = s3;
        for (int step = Lanes / 2; step > 0; step /= 2)
        {
            Group.Barrier();
            if (lane < step)
            {
                int other = place + (step * Rows);
                shared[place] += shared[other];
                shared[place + 1] += shared[other + 1];
                shared[place + 2] += shared[other + 2];
                shared[place + 3] += shared[other + 3];
            }
        }

        Group.Barrier();
        if (lane < Rows && n < outputs && first + lane < rows)
        {
            output[((long)(first + lane) * outputStride) + n] = shared[(local * Lanes * Rows) + lane];
        }
    }
}
