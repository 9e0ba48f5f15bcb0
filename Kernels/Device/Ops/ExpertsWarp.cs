using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// grouped_experts, prompt rows, on cards since Ampere: the products of up to 64 rows that share an expert
/// (<see cref="WarpProducts"/>). A group reads 256 rows of the expert's weights once.
/// </summary>
public static class ExpertsWarp
{
    private const int TileColumns = 3;
    private const int WeightTiles = 4;

    // Outputs of a group of gates, and as many of ups.
    private const int Both = 128;

    /// <summary>inner[place, i] = silu(x·gate_i) · (x·up_i) of the place's row and expert, as two terms, which are what down multiplies.</summary>
    /// <param name="x">What <see cref="ActivationTerms"/> made: P is twice H rounded up to 64.</param>
    /// <param name="inner">Likewise: Q is I rounded up to 64, since an int is two bf16.</param>
    /// <param name="rows">The row of each place.</param>
    /// <param name="tiles">Expert, first place and number of rows.</param>
    /// <param name="gate">bf16; H is a multiple of 8, and addresses and strides are multiples of 16 bytes.</param>
    /// <param name="up">Likewise.</param>
    /// <param name="packed">P.</param>
    /// <param name="pairs">Q.</param>
    /// <param name="gateStride">Elements from an expert's gate to the next.</param>
    /// <param name="upStride">Elements from an expert's up to the next.</param>
    /// <param name="inputs">H.</param>
    /// <param name="width">I.</param>
    [Kernel("expert_gate_up_warp", WarpProducts.Threads, groups: "Q/128", groupsY: "Tiles", Unroll = true)]
    [Cuda("sm_80", SharedBytes = WarpProducts.SharedBytes, GroupsTogether = 2)]
    public static void GateUp(
        [Shape("T", "P")] ArrayView<ushort> x,
        [Shape("N", "Q")] ArrayView<int> inner,
        [Shape("N")] ArrayView<int> rows,
        [Shape("Tiles", "3")] ArrayView<int> tiles,
        [Shape("E", "W")] ArrayView<ushort> gate,
        [Shape("E", "W")] ArrayView<ushort> up,
        [Extent("P")] int packed,
        [Extent("Q")] int pairs,
        [RowStride("gate")] int gateStride,
        [RowStride("up")] int upStride,
        int inputs,
        int width) =>
        GateUpTo<SplitTerms>(x, inner, rows, tiles, gate, up, packed, pairs, gateStride, upStride, inputs, width);

    /// <summary>As <see cref="GateUp"/> with rounded activations: P is H rounded up to 64, Q half of I rounded up to 64.</summary>
    [Kernel("expert_gate_up_warp_rounded", WarpProducts.Threads, groups: "Q/64", groupsY: "Tiles", Unroll = true)]
    [Cuda("sm_80", SharedBytes = WarpProducts.SharedBytes, GroupsTogether = 2)]
    public static void GateUpRounded(
        [Shape("T", "P")] ArrayView<ushort> x,
        [Shape("N", "Q")] ArrayView<int> inner,
        [Shape("N")] ArrayView<int> rows,
        [Shape("Tiles", "3")] ArrayView<int> tiles,
        [Shape("E", "W")] ArrayView<ushort> gate,
        [Shape("E", "W")] ArrayView<ushort> up,
        [Extent("P")] int packed,
        [Extent("Q")] int pairs,
        [RowStride("gate")] int gateStride,
        [RowStride("up")] int upStride,
        int inputs,
        int width) =>
        GateUpTo<SingleTerm>(x, inner, rows, tiles, gate, up, packed, pairs, gateStride, upStride, inputs, width);

    /// <summary>parts[place, h] = inner·down_h of the place's expert.</summary>
    /// <param name="inner">What <see cref="GateUp"/> made: P is for each term I rounded up to 64.</param>
    /// <param name="parts">f32.</param>
    /// <param name="tiles">Expert, first place and number of rows.</param>
    /// <param name="down">bf16; I is a multiple of 8, and address and stride are multiples of 16 bytes.</param>
    /// <param name="packed">P.</param>
    /// <param name="outputs">H.</param>
    /// <param name="downStride">Elements from an expert's down to the next.</param>
    /// <param name="inputs">I.</param>
    [Kernel("expert_down_warp", WarpProducts.Threads, groups: "H/256", groupsY: "Tiles", Unroll = true)]
    [Instance("", typeof(SplitTerms))]
    [Instance("rounded", typeof(SingleTerm))]
    [Cuda("sm_80", SharedBytes = WarpProducts.SharedBytes, GroupsTogether = 2)]
    public static void Down<TTerms>(
        [Shape("N", "P")] ArrayView<ushort> inner,
        [Shape("N", "H")] ArrayView<float> parts,
        [Shape("Tiles", "3")] ArrayView<int> tiles,
        [Shape("E", "W")] ArrayView<ushort> down,
        [Extent("P")] int packed,
        [Extent("H")] int outputs,
        [RowStride("down")] int downStride,
        int inputs)
        where TTerms : struct, IActivationTerms
    {
        int tile = Grid.IdxY * TileColumns, expert = tiles[tile], place = tiles[tile + 1], count = tiles[tile + 2];
        int line = WarpProducts.Line(), first = Grid.IdxX * WeightTiles * WarpProducts.Lines, own = (Group.IdxX >> 5) * 32;
        var xRows = new long[1];
        var weightRows = new long[WeightTiles];
        xRows[0] = line < count ? (long)(place + line) * packed : WarpProducts.Missing;
        for (int i = 0; i < WeightTiles; i++)
        {
            int n = first + line + (i * WarpProducts.Lines);
            weightRows[i] = n < outputs ? ((long)expert * downStride) + ((long)n * inputs) : WarpProducts.Missing;
        }

        int depth = count > 0 ? inputs : 0;
        WarpProducts.Multiply<FlatWarpTile, TTerms>(inner, xRows, packed, down, down, weightRows, depth, 0, count, own, own + 16);
        for (int i = 0; i < WarpProducts.Sums; i++)
        {
            int t = WarpProducts.SumRow(i), n = first + own + WarpProducts.SumOutput(i);
            if (t < count && n < outputs)
            {
                parts[((long)(place + t) * outputs) + n] = Accumulators.Get(i);
            }
        }
    }

    private static void GateUpTo<TTerms>(
        ArrayView<ushort> x,
        ArrayView<int> inner,
        ArrayView<int> rows,
        ArrayView<int> tiles,
        ArrayView<ushort> gate,
        ArrayView<ushort> up,
        int packed,
        int pairs,
        int gateStride,
        int upStride,
        int inputs,
        int width)
        where TTerms : struct, IActivationTerms
    {
        int tile = Grid.IdxY * TileColumns, expert = tiles[tile], place = tiles[tile + 1], count = tiles[tile + 2];
        int warp = Group.IdxX >> 5, line = WarpProducts.Line(), first = Grid.IdxX * Both;

        // A tile without rows names some place, adds nothing up and stores nothing.
        var xRows = new long[1];
        var weightRows = new long[WeightTiles];
        long row = rows[place + Math.Min(line, Math.Max(count, 1) - 1)];
        xRows[0] = line < count ? row * packed : WarpProducts.Missing;
        for (int i = 0; i < WeightTiles; i++)
        {
            int n = first + line + (i % 2 * WarpProducts.Lines);
            long begin = (long)expert * (i < WeightTiles / 2 ? gateStride : upStride);
            weightRows[i] = n < width ? begin + ((long)n * inputs) : WarpProducts.Missing;
        }

        // A warp's lower 16 outputs are gates, its upper 16 the ups beside them.
        int depth = count > 0 ? inputs : 0;
        WarpProducts.Multiply<FlatWarpTile, TTerms>(x, xRows, packed, gate, up, weightRows, depth, 0, count, warp * 16, Both + (warp * 16));
        for (int i = 0; i < WarpProducts.Sums / 4; i++)
        {
            // Up to a multiple of 64 follow products with nothing, which are the zeros that down needs.
            int sum = ((i >> 2) * 16) + ((i & 3) * 2), t = WarpProducts.SumRow(sum), n = first + (warp * 16) + WarpProducts.SumOutput(sum);
            if (t < count && n < (TTerms.Count == 2 ? pairs : pairs * 2))
            {
                float a = GateMath.Silu(Accumulators.Get(sum)) * Accumulators.Get(sum + 8);
                float b = GateMath.Silu(Accumulators.Get(sum + 1)) * Accumulators.Get(sum + 9);
                uint term = BF16.Pack(a, b);
                long at = ((long)(place + t) * pairs) + (n >> 1);
                inner[at] = (int)term;

                // What the first term leaves out is exact in f32; a single one is stored twice.
                inner[at + ((TTerms.Count - 1) * (pairs >> 1))] = TTerms.Count == 2 ? (int)BF16.Pack(a - BF16.Low(term), b - BF16.High(term)) : (int)term;
            }
        }
    }
}
