using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// add_rms_norm on cards since Ampere: a group per row, which reads the row once and keeps it in registers. Each thread
/// has four neighbours of every 2,048; its sums are joined across the warp, then across warps in their order. Narrow rows
/// have a kernel of their own, of few registers: more groups run at a time.
/// </summary>
public static class AddRmsNormRow
{
    /// <summary>Threads of a group.</summary>
    public const int Threads = 512;

    internal const int Warps = Threads / 32;
    private const int Four = 4;

    // 2^-96: squares of scaled values cannot leave f32.
    internal const float Small = 1.2621774483536189e-29f;

    /// <summary>As <see cref="AddRmsNorm"/>; H is a multiple of 4 and at most 2,048 for each part, rows begin at multiples of 16 bytes.</summary>
    [Kernel("add_rms_norm_row", Threads, groups: "T", Unroll = true)]
    [Instance("narrow", typeof(OneRowPart))]
    [Instance("wide", typeof(FourRowParts))]
    [Cuda("sm_80")]
    public static void Run<TParts>(
        [Shape("T", "H")] ArrayView<float> residual,
        [Shape("T", "H", Optional = true)] ArrayView<float> delta,
        [Shape("H")] ArrayView<float> weight,
        [Shape("T", "H")] ArrayView<float> output,
        [Shape("T", Optional = true)] ArrayView<int> faults,
        [Extent("H")] int width,
        [RowStride("output")] int outputStride,
        float epsilon,
        int place)
        where TParts : struct, IRowParts
    {
        ArrayView<float> sums = SharedMemory.Allocate<float>(Warps);
        ArrayView<float> scaledSums = SharedMemory.Allocate<float>(Warps);
        DependentLaunch.Allow();
        int first = Group.IdxX * Four;

        // Weights are nobody's output: they come while the kernel before this one still runs.
        var weights = new float[TParts.Parts * Four];
        for (int part = 0; part < TParts.Parts; part++)
        {
            int h = Math.Min(first + (part * Threads * Four), width - Four);
            U4 w = WideAccess.Load(ref weight[h]);
            weights[part * Four] = Interop.IntAsFloat(w.X);
            weights[(part * Four) + 1] = Interop.IntAsFloat(w.Y);
            weights[(part * Four) + 2] = Interop.IntAsFloat(w.Z);
            weights[(part * Four) + 3] = Interop.IntAsFloat(w.W);
        }

        DependentLaunch.Wait();
        long row = (long)Grid.IdxX * width;
        var x = new float[TParts.Parts * Four];
        float squares = 0, scaled = 0;
        for (int part = 0; part < TParts.Parts; part++)
        {
            int h = first + (part * Threads * Four), at = part * Four;
            x[at] = 0;
            x[at + 1] = 0;
            x[at + 2] = 0;
            x[at + 3] = 0;
            if (h < width)
            {
                U4 bits = WideAccess.Load(ref residual[row + h]);
                x[at] = Interop.IntAsFloat(bits.X);
                x[at + 1] = Interop.IntAsFloat(bits.Y);
                x[at + 2] = Interop.IntAsFloat(bits.Z);
                x[at + 3] = Interop.IntAsFloat(bits.W);
                if (delta.Length > 0)
                {
                    U4 more = WideAccess.Load(ref delta[row + h]);
                    x[at] += Interop.IntAsFloat(more.X);
                    x[at + 1] += Interop.IntAsFloat(more.Y);
                    x[at + 2] += Interop.IntAsFloat(more.Z);
                    x[at + 3] += Interop.IntAsFloat(more.W);
                    WideAccess.Store(ref residual[row + h], x[at], x[at + 1], x[at + 2], x[at + 3]);
                }
            }

            for (int i = 0; i < Four; i++)
            {
                float small = x[at + i] * Small;
                squares = Scalar.Fma(x[at + i], x[at + i], squares);
                scaled = Scalar.Fma(small, small, scaled);
            }
        }

        squares = WarpSum(squares);
        scaled = WarpSum(scaled);
        if ((Group.IdxX & 31) == 0)
        {
            sums[Group.IdxX >> 5] = squares;
            scaledSums[Group.IdxX >> 5] = scaled;
        }

        Group.Barrier();
        squares = 0;
        scaled = 0;
        for (int warp = 0; warp < Warps; warp++)
        {
            squares += sums[warp];
            scaled += scaledSums[warp];
        }

        // Where only the squares leave f32, those of the scaled values count.
        bool isWithin = Scalar.IsFinite(squares);
        float shrink = isWithin ? 1 : Small;
        squares = isWithin ? squares : scaled;
        if (Group.IdxX == 0 && faults.Length > 0)
        {
            int before = delta.Length > 0 ? faults[Grid.IdxX] : 0;
            faults[Grid.IdxX] = before == 0 && !Scalar.IsFinite(squares) ? place : before;
        }

        float scale = Scalar.Rsqrt((squares / width) + (epsilon * shrink * shrink));
        long target = (long)Grid.IdxX * outputStride;
        for (int part = 0; part < TParts.Parts; part++)
        {
            int h = first + (part * Threads * Four), at = part * Four;
            if (h < width)
            {
                WideAccess.Store(
                    ref output[target + h],
                    x[at] * shrink * scale * (1 + weights[at]),
                    x[at + 1] * shrink * scale * (1 + weights[at + 1]),
                    x[at + 2] * shrink * scale * (1 + weights[at + 2]),
                    x[at + 3] * shrink * scale * (1 + weights[at + 3]));
            }
        }
    }

    internal static float WarpSum(float value)
    {
        value += Lanes.Xor(value, 16);
        value += Lanes.Xor(value, 8);
        value += Lanes.Xor(value, 4);
        value += Lanes.Xor(value, 2);
        return value + Lanes.Xor(value, 1);
    }
}
