using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// linear, prompt rows, on cards since Ampere: output[t, n] = Σ_k x[t, k] · weight[n, k], 128 × 128 outputs a group
/// (<see cref="WarpProducts"/>).
/// </summary>
public static class LinearWarp
{
    private const int Side = 128;

    /// <summary>Multiplies.</summary>
    /// <param name="x">What <see cref="ActivationTerms"/> made: P is for each term K rounded up to 64.</param>
    /// <param name="weight">bf16; K is a multiple of 8, and its address of 16.</param>
    /// <param name="output">f32.</param>
    /// <param name="rows">T.</param>
    /// <param name="packed">P.</param>
    /// <param name="inputs">K.</param>
    /// <param name="outputs">N.</param>
    /// <param name="outputStride">Elements from a row of outputs to the next.</param>
    [Kernel("linear_warp", WarpProducts.Threads, groups: "T/128", groupsY: "N/128", Unroll = true)]
    [Instance("", typeof(SplitTerms))]
    [Instance("rounded", typeof(SingleTerm))]
    [Cuda("sm_80", SharedBytes = WarpProducts.SharedBytes)]
    public static void Run<TTerms>(
        [Shape("T", "P")] ArrayView<ushort> x,
        [Shape("N", "K")] ArrayView<ushort> weight,
        [Shape("T", "N")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("P")] int packed,
        [Extent("K")] int inputs,
        [Extent("N")] int outputs,
        [RowStride("output")] int outputStride)
        where TTerms : struct, IActivationTerms
    {
        int warp = Group.IdxX >> 5, firstRow = Grid.IdxX * Side, firstOutput = Grid.IdxY * Side;
        int ownRow = (warp & 1) * 64, ownOutput = (warp >> 1) * 32;
        var xRows = new long[2];
        var weightRows = new long[2];
        for (int i = 0; i < 2; i++)
        {
            int row = firstRow + WarpProducts.Line() + (i * WarpProducts.Lines), n = firstOutput + WarpProducts.Line() + (i * WarpProducts.Lines);
            xRows[i] = row < rows ? (long)row * packed : WarpProducts.Missing;
            weightRows[i] = n < outputs ? (long)n * inputs : WarpProducts.Missing;
        }

        WarpProducts.Multiply<SquareWarpTile, TTerms>(
            x, xRows, packed, weight, weight, weightRows, inputs, ownRow, rows - firstRow - ownRow, ownOutput, ownOutput + 16);
        for (int i = 0; i < WarpProducts.Sums; i++)
        {
            int t = firstRow + ownRow + WarpProducts.SumRow(i), n = firstOutput + ownOutput + WarpProducts.SumOutput(i);
            if (t < rows && n < outputs)
            {
                output[((long)t * outputStride) + n] = Accumulators.Get(i);
            }
        }
    }
}
