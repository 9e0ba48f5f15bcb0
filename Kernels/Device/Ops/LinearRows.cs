using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>linear and the second half of gated_mlp for more than eight generated rows, on cards since Ampere (<see cref="RowProducts"/>).</summary>
public static class LinearRows
{
    /// <summary>output[t, n] = add[t, n] + sigmoid(gate[t]) · Σ_k x[t, k] · weight[n, k]; no gate counts as 1, nothing to add as 0.</summary>
    /// <param name="x">f32; rows begin at multiples of 16 bytes.</param>
    /// <param name="weight">bf16; K is a multiple of 8, and its address of 16.</param>
    /// <param name="gate">f32, or empty.</param>
    /// <param name="add">f32, or empty.</param>
    /// <param name="output">f32.</param>
    /// <param name="rows">T.</param>
    /// <param name="inputs">K.</param>
    /// <param name="outputs">N.</param>
    /// <param name="xStride">Elements from a row to the next.</param>
    /// <param name="gateStride">Likewise.</param>
    /// <param name="addStride">Likewise.</param>
    /// <param name="outputStride">Likewise.</param>
    /// <param name="rowTiles">Groups that share a range of outputs, each for its rows.</param>
    [Kernel("linear_rows_wide", RowProducts.Threads, groups: "*", Unroll = true)]
    [Instance("sixteen_slices2x", typeof(SixteenRows), typeof(TwoSlices), typeof(SplitTerms))]
    [Instance("sixteen_slices4x", typeof(SixteenRows), typeof(FourSlices), typeof(SplitTerms))]
    [Instance("sixteen_slices8x", typeof(SixteenRows), typeof(EightSlices), typeof(SplitTerms))]
    [Instance("thirtytwo_slices2x", typeof(ThirtyTwoRows), typeof(TwoSlices), typeof(SplitTerms))]
    [Instance("thirtytwo_slices4x", typeof(ThirtyTwoRows), typeof(FourSlices), typeof(SplitTerms))]
    [Instance("thirtytwo_slices8x", typeof(ThirtyTwoRows), typeof(EightSlices), typeof(SplitTerms))]
    [Instance("sixteen_slices2x_rounded", typeof(SixteenRows), typeof(TwoSlices), typeof(SingleTerm))]
    [Instance("sixteen_slices4x_rounded", typeof(SixteenRows), typeof(FourSlices), typeof(SingleTerm))]
    [Instance("sixteen_slices8x_rounded", typeof(SixteenRows), typeof(EightSlices), typeof(SingleTerm))]
    [Instance("thirtytwo_slices2x_rounded", typeof(ThirtyTwoRows), typeof(TwoSlices), typeof(SingleTerm))]
    [Instance("thirtytwo_slices4x_rounded", typeof(ThirtyTwoRows), typeof(FourSlices), typeof(SingleTerm))]
    [Instance("thirtytwo_slices8x_rounded", typeof(ThirtyTwoRows), typeof(EightSlices), typeof(SingleTerm))]
    [Cuda("sm_80", GroupsTogether = 2)]
    public static void Run<TTile, TSlices, TTerms>(
        [Shape("T", "K")] ArrayView<float> x,
        [Shape("N", "K")] ArrayView<ushort> weight,
        [Shape("T", "1", Optional = true)] ArrayView<float> gate,
        [Shape("T", "N", Optional = true)] ArrayView<float> add,
        [Shape("T", "N")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("K")] int inputs,
        [Extent("N")] int outputs,
        [RowStride("x")] int xStride,
        [RowStride("gate")] int gateStride,
        [RowStride("add")] int addStride,
        [RowStride("output")] int outputStride,
        int rowTiles)
        where TTile : struct, IRowTile
        where TSlices : struct, ISlices
        where TTerms : struct, IActivationTerms
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(RowProducts.Warps * 128 * TTile.Outputs * TTile.Rows);
        DependentLaunch.Allow();
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5, own = 16 * TTile.Outputs, tileRows = 8 * TTile.Rows;
        int firstOutput = Grid.IdxX / rowTiles * RowProducts.GroupOutputs<TTile, TSlices>(), firstRow = Grid.IdxX % rowTiles * tileRows;
        int lineOutput = firstOutput + (warp / TSlices.Count * own);

        // Rows and outputs past the end repeat the last one and are not stored.
        var xRows = new long[TTile.Rows];
        var weightRows = new long[4];
        for (int t = 0; t < TTile.Rows; t++)
        {
            xRows[t] = (long)Math.Min(firstRow + (t * 8) + (lane >> 2), rows - 1) * xStride;
        }

        for (int i = 0; i < 4; i++)
        {
            weightRows[i] = (long)Math.Min(lineOutput + (i * 8) + (lane >> 2), outputs - 1) * inputs;
        }

        // Weights are nobody's output: they may come while the kernel before this one still runs.
        var ahead = new uint[TTile.Ahead * TTile.Outputs * 8];
        RowProducts.Bring<TTile>(ahead, weight, weight, weightRows, RowProducts.Begin<TSlices>(inputs), inputs);
        DependentLaunch.Wait();
        RowProducts.Multiply<TTile, TSlices, TTerms>(ahead, x, xRows, weight, weight, weightRows, inputs);
        RowProducts.Leave<TTile>(shared);
        Group.Barrier();
        for (int i = Group.IdxX; i < RowProducts.GroupOutputs<TTile, TSlices>() * tileRows; i += RowProducts.Threads)
        {
            int local = i % RowProducts.GroupOutputs<TTile, TSlices>(), row = i / RowProducts.GroupOutputs<TTile, TSlices>();
            int n = firstOutput + local, t = firstRow + row;
            if (t < rows && n < outputs)
            {
                float product = RowProducts.Join<TTile, TSlices>(shared, local / own, row, local % own);
                float scale = gate.Length > 0 ? GateMath.Sigmoid(gate[(long)t * gateStride]) : 1, sum = add.Length > 0 ? add[((long)t * addStride) + n] : 0;
                output[((long)t * outputStride) + n] = gate.Length > 0 || add.Length > 0 ? Scalar.Fma(scale, product, sum) : product;
            }
        }
    }
}
