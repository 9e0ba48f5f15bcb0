using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>The first half of gated_mlp, generated rows, on cards since Ampere (<see cref="RowProducts"/>): a warp has 16 gates and the ups beside them.</summary>
public static class GateUpRows
{
    /// <summary>inner[t, i] = silu(x·gate_i) · (x·up_i).</summary>
    /// <param name="x">f32; rows begin at multiples of 16 bytes.</param>
    /// <param name="gate">bf16; H is a multiple of 8, and its address of 16.</param>
    /// <param name="up">bf16, likewise.</param>
    /// <param name="inner">f32.</param>
    /// <param name="rows">T.</param>
    /// <param name="inputs">H.</param>
    /// <param name="width">I.</param>
    /// <param name="xStride">Elements from a row to the next.</param>
    /// <param name="rowTiles">Groups that share a range of outputs, each for its rows.</param>
    [Kernel("gate_up_rows", RowProducts.Threads, groups: "*", Unroll = true)]
    [Instance("eight_slices2x", typeof(EightRowsTwice), typeof(TwoSlices), typeof(SplitTerms))]
    [Instance("eight_slices4x", typeof(EightRowsTwice), typeof(FourSlices), typeof(SplitTerms))]
    [Instance("eight_slices8x", typeof(EightRowsTwice), typeof(EightSlices), typeof(SplitTerms))]
    [Instance("sixteen_slices2x", typeof(SixteenRowsTwice), typeof(TwoSlices), typeof(SplitTerms))]
    [Instance("sixteen_slices4x", typeof(SixteenRowsTwice), typeof(FourSlices), typeof(SplitTerms))]
    [Instance("sixteen_slices8x", typeof(SixteenRowsTwice), typeof(EightSlices), typeof(SplitTerms))]
    [Instance("thirtytwo_slices2x", typeof(ThirtyTwoRowsTwice), typeof(TwoSlices), typeof(SplitTerms))]
    [Instance("thirtytwo_slices4x", typeof(ThirtyTwoRowsTwice), typeof(FourSlices), typeof(SplitTerms))]
    [Instance("thirtytwo_slices8x", typeof(ThirtyTwoRowsTwice), typeof(EightSlices), typeof(SplitTerms))]
    [Instance("eight_slices2x_rounded", typeof(EightRowsTwice), typeof(TwoSlices), typeof(SingleTerm))]
    [Instance("eight_slices4x_rounded", typeof(EightRowsTwice), typeof(FourSlices), typeof(SingleTerm))]
    [Instance("eight_slices8x_rounded", typeof(EightRowsTwice), typeof(EightSlices), typeof(SingleTerm))]
    [Instance("sixteen_slices2x_rounded", typeof(SixteenRowsTwice), typeof(TwoSlices), typeof(SingleTerm))]
    [Instance("sixteen_slices4x_rounded", typeof(SixteenRowsTwice), typeof(FourSlices), typeof(SingleTerm))]
    [Instance("sixteen_slices8x_rounded", typeof(SixteenRowsTwice), typeof(EightSlices), typeof(SingleTerm))]
    [Instance("thirtytwo_slices2x_rounded", typeof(ThirtyTwoRowsTwice), typeof(TwoSlices), typeof(SingleTerm))]
    [Instance("thirtytwo_slices4x_rounded", typeof(ThirtyTwoRowsTwice), typeof(FourSlices), typeof(SingleTerm))]
    [Instance("thirtytwo_slices8x_rounded", typeof(ThirtyTwoRowsTwice), typeof(EightSlices), typeof(SingleTerm))]
    [Cuda("sm_80", GroupsTogether = 2)]
    public static void Run<TTile, TSlices, TTerms>(
        [Shape("T", "H")] ArrayView<float> x,
        [Shape("I", "H")] ArrayView<ushort> gate,
        [Shape("I", "H")] ArrayView<ushort> up,
        [Shape("T", "I")] ArrayView<float> inner,
        [Extent("T")] int rows,
        [Extent("H")] int inputs,
        [Extent("I")] int width,
        [RowStride("x")] int xStride,
        int rowTiles)
        where TTile : struct, IRowTile
        where TSlices : struct, ISlices
        where TTerms : struct, IActivationTerms
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(RowProducts.Warps * 128 * TTile.Outputs * TTile.Rows);
        DependentLaunch.Allow();
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5, tileRows = 8 * TTile.Rows, groupWidth = RowProducts.Warps / TSlices.Count * 16;
        int first = Grid.IdxX / rowTiles * groupWidth, firstRow = Grid.IdxX % rowTiles * tileRows, lineFirst = first + (warp / TSlices.Count * 16);

        // Rows and outputs past the end repeat the last one and are not stored.
        var xRows = new long[TTile.Rows];
        var weightRows = new long[4];
        for (int t = 0; t < TTile.Rows; t++)
        {
            xRows[t] = (long)Math.Min(firstRow + (t * 8) + (lane >> 2), rows - 1) * xStride;
        }

        for (int i = 0; i < 4; i++)
        {
            weightRows[i] = (long)Math.Min(lineFirst + (i % 2 * 8) + (lane >> 2), width - 1) * inputs;
        }

        // Weights are nobody's output: they may come while the kernel before this one still runs.
        var ahead = new uint[TTile.Ahead * TTile.Outputs * 8];
        RowProducts.Bring<TTile>(ahead, gate, up, weightRows, RowProducts.Begin<TSlices>(inputs), inputs);
        DependentLaunch.Wait();
        RowProducts.Multiply<TTile, TSlices, TTerms>(ahead, x, xRows, gate, up, weightRows, inputs);
        RowProducts.Leave<TTile>(shared);
        Group.Barrier();
        for (int i = Group.IdxX; i < groupWidth * tileRows; i += RowProducts.Threads)
        {
            int local = i % groupWidth, row = i / groupWidth, n = first + local, t = firstRow + row;
            if (t < rows && n < width)
            {
                float g = RowProducts.Join<TTile, TSlices>(shared, local / 16, row, local % 16);
                float u = RowProducts.Join<TTile, TSlices>(shared, local / 16, row, (local % 16) + 16);
                inner[((long)t * width) + n] = GateMath.Silu(g) * u;
            }
        }
    }
}
