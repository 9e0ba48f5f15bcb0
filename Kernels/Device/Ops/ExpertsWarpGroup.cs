using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// grouped_experts, prompt rows, on Hopper: the products of rows that share an expert, in tiles of up to 144 as <see cref="ExpertTiles"/>
/// has them (<see cref="ExpertBlocks"/>, which has the order of a row's products). Weights are the left side, so that a tile takes
/// what its rows take, to 16: rows as the left side would come 64 at a time. Those behind a tile's last row are another expert's, or nothing: they
/// are multiplied and go nowhere.
/// </summary>
public static class ExpertsWarpGroup
{
    private const int Depth = ExpertBlocks.Depth;
    private const int WeightRows = ExpertBlocks.WeightRows;
    private const int OutputRows = ExpertsOutput.BoxRows;

    // Outputs of a tile of gates and as many ups, and of a tile of downs.
    private const int Inners = WeightRows, Outputs = 2 * WeightRows;

    // Lines of 64 numbers that the first warp group copies at a time, and a thread's of a block.
    private const int Lines = ExpertBlocks.Lines, OwnLines = ExpertTiles.Rows / Lines;

    /// <summary>inner[place, i] = silu(x·gate_i) · (x·up_i) of the place's row and expert, as the terms that down multiplies.</summary>
    /// <param name="gate">bf16, from the first expert's first gate to the last one's last: whatever lies between is skipped.</param>
    /// <param name="up">Likewise.</param>
    /// <param name="inner">Q is its terms times I rounded up to 64.</param>
    /// <param name="sharedGate">bf16, the gates of expert number E, which every row has; any matrix where there is none.</param>
    /// <param name="sharedUp">Likewise its ups.</param>
    /// <param name="rows">The same memory as <paramref name="inner"/>.</param>
    /// <param name="plan">What <see cref="ExpertsOrder"/> made.</param>
    /// <param name="places">The row of each place.</param>
    /// <param name="x">What <see cref="ActivationTerms"/> made of the rows: P is its terms times H rounded up to 64.</param>
    /// <param name="packed">P.</param>
    /// <param name="innerPacked">Q.</param>
    /// <param name="gateStep">Rows from an expert's first gate to the next one's.</param>
    /// <param name="upStep">Likewise.</param>
    /// <param name="width">I.</param>
    /// <param name="experts">E.</param>
    [Kernel("expert_gate_up_warpgroup", ExpertBlocks.Threads, groups: "*", Unroll = true)]
    [Cuda("sm_90a", SharedBytes = ExpertBlocks.SharedBytes)]
    [Instance("split", typeof(SplitTerms))]
    [Instance("rounded", typeof(SingleTerm))]
    public static void GateUp<TTerms>(
        [Shape("G", "H"), Tile(WeightRows)] TensorMap<ushort> gate,
        [Shape("U", "H"), Tile(WeightRows)] TensorMap<ushort> up,
        [Shape("N", "Q"), Tile(OutputRows)] TensorMap<ushort> inner,
        [Shape("SharedG", "H"), Tile(WeightRows)] TensorMap<ushort> sharedGate,
        [Shape("SharedU", "H"), Tile(WeightRows)] TensorMap<ushort> sharedUp,
        [Shape("N", "Q")] ArrayView<ushort> rows,
        [Shape("Entries", "4")] ArrayView<int> plan,
        [Shape("N")] ArrayView<int> places,
        [Shape("T", "P")] ArrayView<ushort> x,
        [Extent("P")] int packed,
        [Extent("Q")] int innerPacked,
        int gateStep,
        int upStep,
        int width,
        int experts)
        where TTerms : struct, IActivationTerms
    {
        Work<GateUpProduct, TTerms>(plan, places, x, rows, default, packed, innerPacked, gateStep, upStep, width, experts);
    }

    /// <summary>parts[place, h] = inner·down_h of the place's expert.</summary>
    /// <param name="down">bf16, from the first expert's first row to the last one's last.</param>
    /// <param name="inner">What gate and up left.</param>
    /// <param name="sharedDown">bf16, of expert number E; any matrix where there is none.</param>
    /// <param name="parts">f32; H is a multiple of 4.</param>
    /// <param name="sums">The same memory as <paramref name="parts"/>.</param>
    /// <param name="plan">What <see cref="ExpertsOrder"/> made.</param>
    /// <param name="packed">Q.</param>
    /// <param name="outputs">H.</param>
    /// <param name="downStep">Rows from an expert's first to the next one's.</param>
    /// <param name="experts">E.</param>
    [Kernel("expert_down_warpgroup_split", ExpertBlocks.Threads, groups: "*", Unroll = true)]
    [Cuda("sm_90a", SharedBytes = ExpertBlocks.SharedBytes)]
    public static void Down(
        [Shape("D", "I"), Tile(WeightRows)] TensorMap<ushort> down,
        [Shape("N", "Q"), Tile(Lines)] TensorMap<ushort> inner,
        [Shape("SharedD", "I"), Tile(WeightRows)] TensorMap<ushort> sharedDown,
        [Shape("N", "H"), Tile(OutputRows)] TensorMap<float> parts,
        [Shape("N", "H")] ArrayView<float> sums,
        [Shape("Entries", "4")] ArrayView<int> plan,
        [Extent("Q")] int packed,
        [Extent("H")] int outputs,
        int downStep,
        int experts)
    {
        Work<DownProduct, SplitTerms>(plan, default, default, default, sums, packed, outputs, downStep, downStep, outputs, experts);
    }

    /// <summary>The same of one term, and rounded to bf16: parts are half the bytes to write, and to read when they are added up. H is a multiple of 8.</summary>
    [Kernel("expert_down_warpgroup_rounded", ExpertBlocks.Threads, groups: "*", Unroll = true)]
    [Cuda("sm_90a", SharedBytes = ExpertBlocks.SharedBytes)]
    public static void DownRounded(
        [Shape("D", "I"), Tile(WeightRows)] TensorMap<ushort> down,
        [Shape("N", "Q"), Tile(Lines)] TensorMap<ushort> inner,
        [Shape("SharedD", "I"), Tile(WeightRows)] TensorMap<ushort> sharedDown,
        [Shape("N", "H"), Tile(OutputRows)] TensorMap<ushort> parts,
        [Shape("N", "H")] ArrayView<ushort> sums,
        [Shape("Entries", "4")] ArrayView<int> plan,
        [Extent("Q")] int packed,
        [Extent("H")] int outputs,
        int downStep,
        int experts)
    {
        Work<DownProduct, SingleTerm>(plan, default, default, sums, default, packed, outputs, downStep, downStep, outputs, experts);
    }

    private static void Work<TProduct, TTerms>(
        ArrayView<int> plan,
        ArrayView<int> places,
        ArrayView<ushort> x,
        ArrayView<ushort> rounded,
        ArrayView<float> parts,
        int packed,
        int stride,
        int step,
        int upStep,
        int width,
        int experts)
        where TProduct : struct, IExpertProduct
        where TTerms : struct, IActivationTerms
    {
        DependentLaunch.Allow();
        uint memory = WarpGroupTiles.Memory();
        int thread = Group.IdxX, group = Lanes.First(thread >> 7), tileColumns = TProduct.IsGateUp ? Inners : Outputs;
        int columnTiles = (width + tileColumns - 1) / tileColumns, padded = packed / TTerms.Count;

        // A place is filled by the thread that had the copy engine start, and by all that gather.
        ExpertBlocks.Start<TTerms>(memory, TProduct.IsGathered ? 129 : 1);
        DependentLaunch.Wait();
        int units = plan[0] * columnTiles;
        if (group == 0)
        {
            WarpGroup.ReleaseRegisters(72);
            if (TProduct.IsGathered || thread == 0)
            {
                Bring<TProduct, TTerms>(memory, plan, places, x, units, columnTiles, packed, step, upStep, experts);
            }
        }
        else
        {
            WarpGroup.TakeRegisters(216);
            Multiply<TProduct, TTerms>(memory, plan, rounded, parts, units, columnTiles, padded / Depth, group, stride, width);
        }
    }

    private static void Bring<TProduct, TTerms>(
        uint memory, ArrayView<int> plan, ArrayView<int> places, ArrayView<ushort> x, int units, int columnTiles, int packed, int step, int upStep, int experts)
        where TProduct : struct, IExpertProduct
        where TTerms : struct, IActivationTerms
    {
        int padded = packed / TTerms.Count, line = Group.IdxX >> 3, chunk = Group.IdxX & 7;
        var from = new long[OwnLines];
        RingPlace place = default;
        place.Parity = 1;
        for (int round = 0, unit = ExpertTiles.Unit(0, Grid.IdxX, Grid.DimX); unit < units; unit = ExpertTiles.Unit(round, Grid.IdxX, Grid.DimX))
        {
            round++;
            ExpertTile tile = At(plan, unit, columnTiles);
            int lines = (tile.Rows + Lines - 1) / Lines, column = tile.Across * (TProduct.IsGateUp ? Inners : Outputs);
            int expert = tile.Expert < experts ? tile.Expert : 0;
            int weight = (expert * step) + column, beside = TProduct.IsGateUp ? (expert * upStep) + column : weight + WeightRows;
            long weights = tile.Expert < experts ? TensorCopy.Map(0) : TProduct.IsGateUp ? TensorCopy.Map(3) : TensorCopy.Map(2);
            long weightsBeside = !TProduct.IsGateUp ? weights : tile.Expert < experts ? TensorCopy.Map(1) : TensorCopy.Map(4);
            int last = line + ((lines - 1) * Lines) < tile.Rows ? 16 : 0;
            if (TProduct.IsGathered)
            {
                for (int i = 0; i < OwnLines; i++)
                {
                    long row = places[tile.Place + Math.Min(line + (i * Lines), tile.Rows - 1)];
                    from[i] = (row * packed) + (chunk * 8);
                }
            }

            for (int k = 0; k < padded; k += Depth)
            {
                uint full = ExpertBlocks.Full(memory, place.Stage), at = ExpertBlocks.At<TTerms>(memory, place.Stage);
                AsyncBarrier.Wait(ExpertBlocks.Empty(memory, place.Stage), place.Parity);
                if (Group.IdxX == 0)
                {
                    Copy<TProduct, TTerms>(at, full, tile.Place, lines, weights, weight, weightsBeside, beside, k, padded);
                }

                if (TProduct.IsGathered)
                {
                    // Lines sixteen apart are swizzled alike. Those behind the last row become zeros, which cost no power.
                    uint to = at + TileLayout.Wide(line, chunk);
                    for (int i = 0; i < OwnLines; i++)
                    {
                        if (i < lines)
                        {
                            int bytes = i + 1 < lines ? 16 : last;
                            for (int term = 0; term < TTerms.Count; term++)
                            {
                                CopyAsync.Sixteen(to + (uint)((i * ExpertBlocks.LineBytes) + (term * ExpertBlocks.TermBytes)), ref x[from[i] + k + (term * padded)], bytes);
                            }
                        }
                    }

                    CopyAsync.Arrive(full);
                }

                place = RingPlace.Next(place, ExpertBlocks.Stages<TTerms>());
            }
        }

        if (TProduct.IsGathered)
        {
            // Nobody leaves copies behind.
            CopyAsync.Commit();
            CopyAsync.Wait(0);
        }
    }

    private static ExpertTile At(ArrayView<int> plan, int unit, int columnTiles)
    {
        int entry = (ExpertTiles.Entry(unit, columnTiles) + 1) * ExpertTiles.Columns;
        return ExpertTiles.Tile(unit, columnTiles, plan[entry], plan[entry + 1], plan[entry + 2], plan[entry + 3]);
    }

    // Whole boxes count, whatever of them is outside of the tensor.
    private static void Copy<TProduct, TTerms>(
        uint at, uint full, int place, int lines, long weights, int weight, long weightsBeside, int beside, int k, int padded)
        where TProduct : struct, IExpertProduct
        where TTerms : struct, IActivationTerms
    {
        AsyncBarrier.ArriveExpecting(full, ExpertBlocks.WeightBytes + (TProduct.IsGathered ? 0 : TTerms.Count * lines * ExpertBlocks.LineBytes));
        uint sides = at + (uint)(TTerms.Count * ExpertBlocks.TermBytes);
        TensorCopy.Load(sides, weights, k, weight, full);
        TensorCopy.Load(sides + (ExpertBlocks.WeightBytes / 2), weightsBeside, k, beside, full);
        if (!TProduct.IsGathered)
        {
            for (int term = 0; term < TTerms.Count; term++)
            {
                for (int i = 0; i < OwnLines; i++)
                {
                    if (i < lines)
                    {
                        uint to = at + (uint)((term * ExpertBlocks.TermBytes) + (i * ExpertBlocks.LineBytes));
                        TensorCopy.Load(to, TensorCopy.Map(1), k + (term * padded), place + (i * Lines), full);
                    }
                }
            }
        }
    }

    private static void Multiply<TProduct, TTerms>(
        uint memory, ArrayView<int> plan, ArrayView<ushort> rounded, ArrayView<float> parts, int units, int columnTiles, int blocks, int group, int stride, int width)
        where TProduct : struct, IExpertProduct
        where TTerms : struct, IActivationTerms
    {
        RingPlace place = default;
        for (int round = 0, unit = ExpertTiles.Unit(0, Grid.IdxX, Grid.DimX); unit < units; unit = ExpertTiles.Unit(round, Grid.IdxX, Grid.DimX))
        {
            round++;
            ExpertTile tile = At(plan, unit, columnTiles);
            place = ExpertBlocks.Multiply<TTerms, TProduct>(memory, place, blocks, group, tile.Rows);
            if (TProduct.IsGateUp)
            {
                ExpertBlocks.Free<TTerms>(memory, place);
                ExpertsOutput.Terms<TTerms>(memory, rounded, tile.Place, tile.Rows, tile.Across * Inners, group, stride, width);
            }
            else if (TTerms.Count == 1)
            {
                ExpertBlocks.Free<TTerms>(memory, place);
                ExpertsOutput.RoundedParts(memory, rounded, tile.Place, tile.Rows, tile.Across * Outputs, group, stride);
            }
            else
            {
                ExpertsOutput.Parts<TTerms>(memory, place, parts, tile.Place, tile.Rows, tile.Across * Outputs, group, stride);
                ExpertBlocks.Free<TTerms>(memory, place);
            }
        }

        if ((Group.IdxX & 127) == 0)
        {
            TensorCopy.WaitRead(0);
        }
    }
}
