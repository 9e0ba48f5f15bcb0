using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// add_rms_norm of rows of up to 2,048 numbers, on cards since Ampere: a group takes one row after the other and reads the
/// next one while it norms the last. A thread has four neighbours of a row; sums have the order of
/// <see cref="AddRmsNormRow"/>.
/// </summary>
public static class AddRmsNormRows
{
    private const int Four = 4;

    /// <summary>As <see cref="AddRmsNorm"/>; H is a multiple of 4, rows begin at multiples of 16 bytes.</summary>
    [Kernel("add_rms_norm_rows", AddRmsNormRow.Threads, groups: "*", Unroll = true)]
    [Cuda("sm_80", GroupsTogether = 3)]
    public static void Run(
        [Shape("T", "H")] ArrayView<float> residual,
        [Shape("T", "H", Optional = true)] ArrayView<float> delta,
        [Shape("H")] ArrayView<float> weight,
        [Shape("T", "H")] ArrayView<float> output,
        [Shape("T", Optional = true)] ArrayView<int> faults,
        [Extent("T")] int rows,
        [Extent("H")] int width,
        [RowStride("output")] int outputStride,
        float epsilon,
        int place)
    {
        ArrayView<float> sums = SharedMemory.Allocate<float>(4 * AddRmsNormRow.Warps);
        DependentLaunch.Allow();
        int h = Group.IdxX * Four, from = 0;

        // Threads past the end read the last numbers, which count as zeros and are not stored.
        bool inside = h < width, isAdded = delta.Length > 0;
        long at = Math.Min(h, width - Four);

        // Weights are nobody's output: they come while the kernel before this one still runs.
        U4 weights = WideAccess.Load(ref weight[at]);
        DependentLaunch.Wait();
        U4 x = WideAccess.Load(ref residual[((long)Grid.IdxX * width) + at]), more = isAdded ? WideAccess.Load(ref delta[((long)Grid.IdxX * width) + at]) : default;
        for (int row = Grid.IdxX; row < rows; row += Grid.DimX)
        {
            float x0 = Value(x.X, more.X, inside, isAdded), x1 = Value(x.Y, more.Y, inside, isAdded);
            float x2 = Value(x.Z, more.Z, inside, isAdded), x3 = Value(x.W, more.W, inside, isAdded);
            long next = ((long)Math.Min(row + Grid.DimX, rows - 1) * width) + at;
            if (inside && isAdded)
            {
                WideAccess.Store(ref residual[((long)row * width) + at], x0, x1, x2, x3);
            }

            if (row + Grid.DimX < rows)
            {
                x = WideAccess.Load(ref residual[next]);
                if (isAdded)
                {
                    more = WideAccess.Load(ref delta[next]);
                }
            }

            float squares = Scalar.Fma(x3, x3, Scalar.Fma(x2, x2, Scalar.Fma(x1, x1, Scalar.Fma(x0, x0, 0))));
            float s0 = x0 * AddRmsNormRow.Small, s1 = x1 * AddRmsNormRow.Small, s2 = x2 * AddRmsNormRow.Small, s3 = x3 * AddRmsNormRow.Small;
            float scaled = Scalar.Fma(s3, s3, Scalar.Fma(s2, s2, Scalar.Fma(s1, s1, Scalar.Fma(s0, s0, 0))));
            squares = AddRmsNormRow.WarpSum(squares);
            scaled = AddRmsNormRow.WarpSum(scaled);
            if ((Group.IdxX & 31) == 0)
            {
                sums[from + (Group.IdxX >> 5)] = squares;
                sums[from + AddRmsNormRow.Warps + (Group.IdxX >> 5)] = scaled;
            }

            // One barrier a row: the next row's sums have a place of their own.
            Group.Barrier();
            squares = 0;
            scaled = 0;
            for (int warp = 0; warp < AddRmsNormRow.Warps; warp++)
            {
                squares += sums[from + warp];
                scaled += sums[from + AddRmsNormRow.Warps + warp];
            }

            // Where only the squares leave f32, those of the scaled values count.
            bool isWithin = Scalar.IsFinite(squares);
            float shrink = isWithin ? 1 : AddRmsNormRow.Small;
            squares = isWithin ? squares : scaled;
            if (Group.IdxX == 0 && faults.Length > 0)
            {
                int before = isAdded ? faults[row] : 0;
                faults[row] = before == 0 && !Scalar.IsFinite(squares) ? place : before;
            }

            if (inside)
            {
                float scale = Scalar.Rsqrt((squares / width) + (epsilon * shrink * shrink));
                WideAccess.Store(
                    ref output[((long)row * outputStride) + h],
                    x0 * shrink * scale * (1 + Interop.IntAsFloat(weights.X)),
                    x1 * shrink * scale * (1 + Interop.IntAsFloat(weights.Y)),
                    x2 * shrink * scale * (1 + Interop.IntAsFloat(weights.Z)),
                    x3 * shrink * scale * (1 + Interop.IntAsFloat(weights.W)));
            }

            from = (2 * AddRmsNormRow.Warps) - from;
        }
    }

    private static float Value(uint residual, uint delta, bool inside, bool isAdded)
    {
        float value = Interop.IntAsFloat(residual);
        value = isAdded ? value + Interop.IntAsFloat(delta) : value;
        return inside ? value : 0;
    }
}
