using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// expert_mixture for few generated rows, on cards since Ampere: each row for itself, straight from its choice of experts,
/// the shared expert beside them. Sums have the orders of the kernels for more rows (<see cref="ExpertRows"/>,
/// <see cref="ExpertsCombine"/>, <see cref="GateUpRows"/>, <see cref="LinearRows"/>), so the bits do too.
/// </summary>
public static class MixtureRows
{
    /// <summary>Threads of a group of <see cref="Down"/>: a warp for each slice of 8 experts and the shared one, or of 10.</summary>
    public const int DownThreads = 768;

    /// <summary>The most slices of all experts that a row has.</summary>
    public const int MostItems = 128;

    private const int Side = 16;
    private const int DownWarps = DownThreads / 32;

    /// <summary>
    /// inner[t, r·I + i] = silu(x·gate_i) · (x·up_i) of the expert at rank r, and of the shared expert behind the last rank.
    /// A row has first its groups of the shared expert, then those of each rank.
    /// </summary>
    [Kernel("mixture_gate_up_rows", RowProducts.Threads, groups: "*", Unroll = true)]
    [Instance("slices2x", typeof(EightRowsTwice), typeof(TwoSlices))]
    [Instance("slices4x", typeof(EightRowsTwice), typeof(FourSlices))]
    [Instance("slices8x", typeof(EightRowsTwice), typeof(EightSlices))]
    [Cuda("sm_80", GroupsTogether = 3)]
    public static void GateUp<TTile, TSlices>(
        [Shape("T", "H")] ArrayView<float> x,
        [Shape("T", "K")] ArrayView<int> experts,
        [Shape("T", "W")] ArrayView<float> inner,
        [Shape("E", "IH")] ArrayView<ushort> gate,
        [Shape("E", "IH")] ArrayView<ushort> up,
        [Shape("J", "H")] ArrayView<ushort> sharedGate,
        [Shape("J", "H")] ArrayView<ushort> sharedUp,
        [Extent("T")] int rows,
        [Extent("K")] int topK,
        [Extent("H")] int inputs,
        [Extent("W")] int innerWidth,
        [Extent("J")] int sharedWidth,
        [RowStride("x")] int xStride,
        [RowStride("gate")] int gateStride,
        [RowStride("up")] int upStride,
        int width)
        where TTile : struct, IRowTile
        where TSlices : struct, ISlices
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(RowProducts.Warps * 128 * TTile.Outputs * TTile.Rows);
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5, groupWidth = RowProducts.Warps / TSlices.Count * Side;
        int blocks = (width + groupWidth - 1) / groupWidth, sharedBlocks = (sharedWidth + groupWidth - 1) / groupWidth;

        // Groups of the shared expert first: they need not wait for the choice to read their weights.
        bool isShared = Grid.IdxX < sharedBlocks * rows;
        int unit = isShared ? Grid.IdxX : Grid.IdxX - (sharedBlocks * rows), units = isShared ? sharedBlocks : blocks * topK;
        int row = unit / units, rank = isShared ? topK : unit % units / blocks, first = (isShared ? unit % units : unit % units % blocks) * groupWidth;
        int limit = isShared ? sharedWidth : width, lineFirst = first + (warp / TSlices.Count * Side);
        long gateFrom = 0, upFrom = 0;
        if (!isShared)
        {
            DependentLaunch.Wait();
            int expert = experts[((long)row * topK) + rank];
            gateFrom = (long)expert * gateStride;
            upFrom = (long)expert * upStride;
        }

        ArrayView<ushort> gates = isShared ? sharedGate : gate, ups = isShared ? sharedUp : up;
        var xRows = new long[1];
        var weightRows = new long[4];
        xRows[0] = (long)row * xStride;
        for (int i = 0; i < 4; i++)
        {
            weightRows[i] = (i < 2 ? gateFrom : upFrom) + ((long)Math.Min(lineFirst + (i % 2 * 8) + (lane >> 2), limit - 1) * inputs);
        }

        var ahead = new uint[TTile.Ahead * TTile.Outputs * 8];
        RowProducts.Bring<TTile>(ahead, gates, ups, weightRows, RowProducts.Begin<TSlices>(inputs), inputs);

        // Only now may the next kernel start: it reads the choice without waiting.
        DependentLaunch.Wait();
        DependentLaunch.Allow();
        RowProducts.Multiply<TTile, TSlices>(ahead, x, xRows, gates, ups, weightRows, inputs);
        RowProducts.Leave<TTile>(shared);
        Group.Barrier();
        int n = first + Group.IdxX;
        if (Group.IdxX < groupWidth && n < limit)
        {
            float g = RowProducts.Join<TTile, TSlices>(shared, Group.IdxX / Side, 0, Group.IdxX % Side);
            float u = RowProducts.Join<TTile, TSlices>(shared, Group.IdxX / Side, 0, (Group.IdxX % Side) + Side);
            inner[((long)row * innerWidth) + (rank * width) + n] = GateMath.Silu(g) * u;
        }
    }

    /// <summary>
    /// output[t, h] = Σ_r mix[t, r] · (inner_r·down_h) + sigmoid(gateLogit[t]) · (inner_shared·sharedDown_h): a group has 16
    /// outputs of a row, a warp a slice of one expert's share.
    /// </summary>
    [Kernel("mixture_down_rows", DownThreads, groups: "*", Unroll = true)]
    [Instance("slices2x", typeof(EightRows), typeof(TwoSlices))]
    [Instance("slices4x", typeof(EightRows), typeof(FourSlices))]
    [Instance("slices8x", typeof(EightRows), typeof(EightSlices))]
    [Cuda("sm_80")]
    public static void Down<TTile, TSlices>(
        [Shape("T", "W")] ArrayView<float> inner,
        [Shape("T", "K")] ArrayView<int> experts,
        [Shape("T", "K")] ArrayView<float> mix,
        [Shape("T", "1")] ArrayView<float> gateLogit,
        [Shape("T", "H")] ArrayView<float> output,
        [Shape("E", "HI")] ArrayView<ushort> down,
        [Shape("H", "J")] ArrayView<ushort> sharedDown,
        [Extent("K")] int topK,
        [Extent("H")] int outputs,
        [Extent("W")] int innerWidth,
        [Extent("J")] int sharedWidth,
        [RowStride("gateLogit")] int gateStride,
        [RowStride("down")] int downStride,
        int width)
        where TTile : struct, IRowTile
        where TSlices : struct, ISlices
    {
        ArrayView<float> sums = SharedMemory.Allocate<float>(MostItems * Side);
        DependentLaunch.Allow();
        int lane = Group.IdxX & 31, lines = (outputs + Side - 1) / Side, row = Grid.IdxX / lines, first = Grid.IdxX % lines * Side;
        var xRows = new long[1];
        var weightRows = new long[4];
        var ahead = new uint[TTile.Ahead * TTile.Outputs * 8];
        for (int item = Group.IdxX >> 5; item < (topK + 1) * TSlices.Count; item += DownWarps)
        {
            int rank = item / TSlices.Count;
            bool isShared = rank == topK;
            int inputs = isShared ? sharedWidth : width;
            long from = isShared ? 0 : (long)WideAccess.Fresh(ref experts[((long)row * topK) + Math.Min(rank, topK - 1)]) * downStride;
            ArrayView<ushort> weight = isShared ? sharedDown : down;
            xRows[0] = ((long)row * innerWidth) + (rank * width);
            for (int i = 0; i < 4; i++)
            {
                weightRows[i] = from + ((long)Math.Min(first + (i * 8) + (lane >> 2), outputs - 1) * inputs);
            }

            RowProducts.Bring<TTile>(ahead, weight, weight, weightRows, RowProducts.Begin<TSlices>(inputs), inputs);
            DependentLaunch.Wait();
            RowProducts.Multiply<TTile, TSlices>(ahead, inner, xRows, weight, weight, weightRows, inputs);
            if ((lane & 3) == 0)
            {
                int at = (item * Side) + (lane >> 2);
                sums[at] = Accumulators.Get(0) + Accumulators.Get(4);
                sums[at + 8] = Accumulators.Get(2) + Accumulators.Get(6);
            }
        }

        DependentLaunch.Wait();
        Group.Barrier();
        int n = first + Group.IdxX;
        if (Group.IdxX < Side && n < outputs)
        {
            float sum = 0;
            for (int r = 0; r < topK; r++)
            {
                sum = Scalar.Fma(mix[((long)row * topK) + r], Part<TSlices>(sums, r), sum);
            }

            output[((long)row * outputs) + n] = Scalar.Fma(GateMath.Sigmoid(gateLogit[(long)row * gateStride]), Part<TSlices>(sums, topK), sum);
        }
    }

    // The slices of a rank, in their order.
    private static float Part<TSlices>(ArrayView<float> sums, int rank)
        where TSlices : struct, ISlices
    {
        int at = (rank * TSlices.Count * Side) + Group.IdxX;
        float sum = sums[at];
        for (int slice = 1; slice < TSlices.Count; slice++)
        {
            sum += sums[at + (slice * Side)];
        }

        return sum;
    }
}
