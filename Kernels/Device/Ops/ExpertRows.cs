using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>grouped_experts, generated rows, on cards since Ampere: tiles of up to eight rows that share an expert (<see cref="RowProducts"/>).</summary>
public static class ExpertRows
{
    private const int TileColumns = 3;

    /// <summary>
    /// inner[place, i] = silu(x·gate_i) · (x·up_i) of the place's row and expert. On Hopper a group asks L2 for the weights of the
    /// group that is <paramref name="later"/> groups on, where that is not 0: memory has something to do while groups begin and end.
    /// </summary>
    [Kernel("expert_gate_up_rows", RowProducts.Threads, groups: "*", Unroll = true)]
    [Instance("slices2x", typeof(EightRowsTwice), typeof(TwoSlices), typeof(SplitTerms))]
    [Instance("slices4x", typeof(EightRowsTwice), typeof(FourSlices), typeof(SplitTerms))]
    [Instance("slices8x", typeof(EightRowsTwice), typeof(EightSlices), typeof(SplitTerms))]
    [Instance("slices2x_rounded", typeof(EightRowsTwice), typeof(TwoSlices), typeof(SingleTerm))]
    [Instance("slices4x_rounded", typeof(EightRowsTwice), typeof(FourSlices), typeof(SingleTerm))]
    [Instance("slices8x_rounded", typeof(EightRowsTwice), typeof(EightSlices), typeof(SingleTerm))]
    [Cuda("sm_80", GroupsTogether = 3)]
    public static void GateUp<TTile, TSlices, TTerms>(
        [Shape("T", "H")] ArrayView<float> x,
        [Shape("N", "I")] ArrayView<float> inner,
        [Shape("N")] ArrayView<int> rows,
        [Shape("Tiles", "3")] ArrayView<int> tiles,
        [Shape("E", "I*H")] ArrayView<ushort> gate,
        [Shape("E", "I*H")] ArrayView<ushort> up,
        [Extent("H")] int inputs,
        [Extent("I")] int width,
        [RowStride("gate")] int gateStride,
        [RowStride("up")] int upStride,
        int tileCount,
        int later)
        where TTile : struct, IRowTile
        where TSlices : struct, ISlices
        where TTerms : struct, IActivationTerms
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(RowProducts.Warps * 128 * TTile.Outputs * TTile.Rows);
        DependentLaunch.Allow();
        DependentLaunch.Wait();
        int tile = Grid.IdxX % tileCount * TileColumns, expert = tiles[tile], place = tiles[tile + 1], count = tiles[tile + 2];
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5, groupWidth = RowProducts.Warps / TSlices.Count * 16;
        int first = Grid.IdxX / tileCount * groupWidth, lineFirst = first + (warp / TSlices.Count * 16);

        // A tile without rows adds nothing up and stores nothing.
        var xRows = new long[1];
        var weightRows = new long[4];
        xRows[0] = (long)rows[place + Math.Min(lane >> 2, Math.Max(count, 1) - 1)] * inputs;
        for (int i = 0; i < 4; i++)
        {
            weightRows[i] = ((long)expert * (i < 2 ? gateStride : upStride)) + ((long)Math.Min(lineFirst + (i % 2 * 8) + (lane >> 2), width - 1) * inputs);
        }

        var ahead = new uint[TTile.Ahead * TTile.Outputs * 8];
        int depth = count > 0 ? inputs : 0;
        if (depth > 0)
        {
            RowProducts.Bring<TTile>(ahead, gate, up, weightRows, RowProducts.Begin<TSlices>(depth), depth);
        }

        if (later > 0 && Group.IdxX < 2 * groupWidth && Grid.IdxX + later < Grid.DimX)
        {
            // A row a lane: the gates', then the ups'.
            int next = (Grid.IdxX + later) % tileCount * TileColumns, row = ((Grid.IdxX + later) / tileCount * groupWidth) + (Group.IdxX % groupWidth);
            if (tiles[next + 2] > 0 && row < width)
            {
                if (Group.IdxX < groupWidth)
                {
                    Prefetch.ToL2(ref gate[((long)tiles[next] * gateStride) + ((long)row * inputs)], inputs * sizeof(ushort));
                }
                else
                {
                    Prefetch.ToL2(ref up[((long)tiles[next] * upStride) + ((long)row * inputs)], inputs * sizeof(ushort));
                }
            }
        }

        RowProducts.Multiply<TTile, TSlices, TTerms>(ahead, x, xRows, gate, up, weightRows, depth);
        RowProducts.Leave<TTile>(shared);
        Group.Barrier();
        for (int i = Group.IdxX; i < groupWidth * 8; i += RowProducts.Threads)
        {
            int local = i % groupWidth, row = i / groupWidth, n = first + local;
            if (row < count && n < width)
            {
                float g = RowProducts.Join<TTile, TSlices>(shared, local / 16, row, local % 16);
                float u = RowProducts.Join<TTile, TSlices>(shared, local / 16, row, (local % 16) + 16);
                inner[((long)(place + row) * width) + n] = GateMath.Silu(g) * u;
            }
        }
    }

    /// <summary>parts[place, h] = inner·down_h of the place's expert. L2 is asked as in <see cref="GateUp"/>.</summary>
    [Kernel("expert_down_rows", RowProducts.Threads, groups: "*", Unroll = true)]
    [Instance("slices2x", typeof(EightRows), typeof(TwoSlices), typeof(SplitTerms))]
    [Instance("slices4x", typeof(EightRows), typeof(FourSlices), typeof(SplitTerms))]
    [Instance("slices8x", typeof(EightRows), typeof(EightSlices), typeof(SplitTerms))]
    [Instance("slices2x_rounded", typeof(EightRows), typeof(TwoSlices), typeof(SingleTerm))]
    [Instance("slices4x_rounded", typeof(EightRows), typeof(FourSlices), typeof(SingleTerm))]
    [Instance("slices8x_rounded", typeof(EightRows), typeof(EightSlices), typeof(SingleTerm))]
    [Cuda("sm_80", GroupsTogether = 3)]
    public static void Down<TTile, TSlices, TTerms>(
        [Shape("N", "I")] ArrayView<float> inner,
        [Shape("N", "H")] ArrayView<float> parts,
        [Shape("Tiles", "3")] ArrayView<int> tiles,
        [Shape("E", "H*I")] ArrayView<ushort> down,
        [Extent("I")] int inputs,
        [Extent("H")] int outputs,
        [RowStride("down")] int downStride,
        int tileCount,
        int later)
        where TTile : struct, IRowTile
        where TSlices : struct, ISlices
        where TTerms : struct, IActivationTerms
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(RowProducts.Warps * 128 * TTile.Outputs * TTile.Rows);
        DependentLaunch.Allow();
        DependentLaunch.Wait();
        int tile = Grid.IdxX % tileCount * TileColumns, expert = tiles[tile], place = tiles[tile + 1], count = tiles[tile + 2];
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5, own = 16 * TTile.Outputs;
        int firstOutput = Grid.IdxX / tileCount * RowProducts.GroupOutputs<TTile, TSlices>(), lineOutput = firstOutput + (warp / TSlices.Count * own);

        // A tile without rows adds nothing up and stores nothing.
        var xRows = new long[1];
        var weightRows = new long[4];
        xRows[0] = (long)(place + Math.Min(lane >> 2, Math.Max(count, 1) - 1)) * inputs;
        for (int i = 0; i < 4; i++)
        {
            weightRows[i] = ((long)expert * downStride) + ((long)Math.Min(lineOutput + (i * 8) + (lane >> 2), outputs - 1) * inputs);
        }

        var ahead = new uint[TTile.Ahead * TTile.Outputs * 8];
        int depth = count > 0 ? inputs : 0;
        if (depth > 0)
        {
            RowProducts.Bring<TTile>(ahead, down, down, weightRows, RowProducts.Begin<TSlices>(depth), depth);
        }

        if (later > 0 && Group.IdxX < RowProducts.GroupOutputs<TTile, TSlices>() && Grid.IdxX + later < Grid.DimX)
        {
            int next = (Grid.IdxX + later) % tileCount * TileColumns;
            int row = ((Grid.IdxX + later) / tileCount * RowProducts.GroupOutputs<TTile, TSlices>()) + Group.IdxX;
            if (tiles[next + 2] > 0 && row < outputs)
            {
                Prefetch.ToL2(ref down[((long)tiles[next] * downStride) + ((long)row * inputs)], inputs * sizeof(ushort));
            }
        }

        RowProducts.Multiply<TTile, TSlices, TTerms>(ahead, inner, xRows, down, down, weightRows, depth);
        RowProducts.Leave<TTile>(shared);
        Group.Barrier();
        for (int i = Group.IdxX; i < RowProducts.GroupOutputs<TTile, TSlices>() * 8; i += RowProducts.Threads)
        {
            int local = i % RowProducts.GroupOutputs<TTile, TSlices>(), row = i / RowProducts.GroupOutputs<TTile, TSlices>(), n = firstOutput + local;
            if (row < count && n < outputs)
            {
                parts[((long)(place + row) * outputs) + n] = RowProducts.Join<TTile, TSlices>(shared, local / own, row, local % own);
            }
        }
    }
}
