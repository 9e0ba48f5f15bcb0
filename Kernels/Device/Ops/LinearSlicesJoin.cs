using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>The slices of k that <see cref="LinearSlices"/> leaves where rows are few: a thread four outputs.</summary>
public static class LinearSlicesJoin
{
    /// <summary>Adds the four slices of each output.</summary>
    /// <param name="sums">f32, all rows' first slices first; M is N rounded up to 4.</param>
    /// <param name="output">f32; rows begin at multiples of 16 bytes.</param>
    /// <param name="rows">T.</param>
    /// <param name="outputs">N.</param>
    /// <param name="sumStride">M.</param>
    /// <param name="outputStride">Elements from a row to the next.</param>
    [Kernel("linear_slices_join", 256, groups: "*", Unroll = true)]
    [Cuda("sm_80")]
    public static void Run(
        [Shape("S", "M")] ArrayView<float> sums,
        [Shape("T", "N")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("N")] int outputs,
        [Extent("M")] int sumStride,
        [RowStride("output")] int outputStride)
    {
        DependentLaunch.Allow();
        int across = (outputs + 3) / 4, own = (Grid.IdxX * 256) + Group.IdxX, row = own / across, column = (own - (row * across)) * 4;
        DependentLaunch.Wait();
        if (row < rows)
        {
            long from = ((long)row * sumStride) + column, next = (long)rows * sumStride, to = ((long)row * outputStride) + column;
            U4 first = WideAccess.Load(ref sums[from]), second = WideAccess.Load(ref sums[from + next]);
            U4 third = WideAccess.Load(ref sums[from + (2 * next)]), fourth = WideAccess.Load(ref sums[from + (3 * next)]);
            float a = Sum(first.X, second.X, third.X, fourth.X), b = Sum(first.Y, second.Y, third.Y, fourth.Y);
            float c = Sum(first.Z, second.Z, third.Z, fourth.Z), d = Sum(first.W, second.W, third.W, fourth.W);
            if (column + 3 < outputs)
            {
                WideAccess.Store(ref output[to], a, b, c, d);
            }
            else
            {
                output[to] = a;
                if (column + 1 < outputs)
                {
                    output[to + 1] = b;
                }

                if (column + 2 < outputs)
                {
                    output[to + 2] = c;
                }
            }
        }
    }

    private static float Sum(uint a, uint b, uint c, uint d) => Interop.IntAsFloat(a) + Interop.IntAsFloat(b) + Interop.IntAsFloat(c) + Interop.IntAsFloat(d);
}
