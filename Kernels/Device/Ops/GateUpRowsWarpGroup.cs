using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// The first half of gated_mlp for more than eight generated rows and many gates, on Hopper, as <see cref="LinearRowsWarpGroup"/>
/// multiplies: a warp has eight gates and the ups beside them, which lie in the same lane, and leaves what becomes of them as the
/// pieces of the product behind (<see cref="RowTermPieces"/>). The bits are those of <see cref="GateUpRows"/> and a launch for terms.
/// </summary>
public static class GateUpRowsWarpGroup
{
    /// <summary>pieces of silu(x·gate_i) · (x·up_i).</summary>
    /// <param name="gate">bf16; K is a multiple of 8.</param>
    /// <param name="up">bf16, likewise.</param>
    /// <param name="terms">What <see cref="RowTermPieces"/> made of whole tiles of rows.</param>
    /// <param name="inner">Pairs of bf16, of as many tiles.</param>
    /// <param name="width">I, a multiple of 256.</param>
    /// <param name="own">Gates of a tile: a multiple of 16, at most 64.</param>
    /// <param name="rowTiles">Tiles that share a range of gates, each for its rows.</param>
    /// <param name="blocks">Blocks of 64 along k, a multiple of 4.</param>
    /// <param name="slices">Slices of k.</param>
    [Kernel("gate_up_rows_warpgroup", LinearRowsWarpGroup.Threads, groups: "*", Unroll = true)]
    [Instance("sixteen", typeof(SixteenRows), typeof(SplitTerms))]
    [Instance("thirtytwo", typeof(ThirtyTwoRows), typeof(SplitTerms))]
    [Instance("sixtyfour", typeof(SixtyFourRows), typeof(SplitTerms))]
    [Instance("hundredtwentyeight", typeof(HundredTwentyEightRows), typeof(SplitTerms))]
    [Instance("sixteen_rounded", typeof(SixteenRows), typeof(SingleTerm))]
    [Instance("thirtytwo_rounded", typeof(ThirtyTwoRows), typeof(SingleTerm))]
    [Instance("sixtyfour_rounded", typeof(SixtyFourRows), typeof(SingleTerm))]
    [Instance("hundredtwentyeight_rounded", typeof(HundredTwentyEightRows), typeof(SingleTerm))]
    [Cuda("sm_90a", SharedBytes = LinearRowsWarpGroup.SharedBytes)]
    public static void Run<TTile, TTerms>(
        [Shape("I", "K"), Tile(LinearRowsWarpGroup.GateBox, Streamed = true)] TensorMap<ushort> gate,
        [Shape("I", "K"), Tile(LinearRowsWarpGroup.GateBox, Streamed = true)] TensorMap<ushort> up,
        [Shape("B", "W")] ArrayView<ushort> terms,
        [Shape("C", "V")] ArrayView<int> inner,
        [Extent("I")] int width,
        int own,
        int rowTiles,
        int blocks,
        int slices)
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
    {
        DependentLaunch.Allow();
        LinearRowsWarpGroup.Run<TTile, TTerms, GatedLeft>(terms, default, inner, width, own, 0, 0, rowTiles, blocks, slices, 1, isOnce: false);
    }
}
