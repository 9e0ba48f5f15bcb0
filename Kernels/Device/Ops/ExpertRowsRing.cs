using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// grouped_experts, generated rows that share experts, on Hopper: the sums of <see cref="ExpertRows"/>, to the bit, with weights on
/// their way from a launch's first instruction to its last. A group stays on each multiprocessor, and pieces of the outputs of all
/// tiles (rows that share an expert) go from group to group in turn: eight units of sixteen rows of weights, a warp's each. Of two warps
/// more one has blocks of weights brought to a ring in shared memory, the other the tile's rows (<see cref="ExpertRowsCopies"/>); a warp
/// multiplies its unit's, slice after slice as <see cref="LinearRowsMany"/>, and waits for nobody else.
/// <para>
/// Smaller pieces at the end would take as long as whole ones, a block of weights being on its way for as long.
/// A group takes more than half of the room, so that no two of them share a multiprocessor: where the next launch's fitted beside, they began as room became free,
/// here two and there none, and the op took longer than its kernels one by one.
/// </para>
/// </summary>
public static class ExpertRowsRing
{
    /// <summary>Threads of a group.</summary>
    public const int Threads = (Units + 2) * 32;

    private const int Units = ExpertRowsShare.Units;
    private const int Depth = ExpertRowsShare.Depth;
    private const int Box = ExpertRowsShare.Box;

    /// <summary>inner[place, i] = silu(x·gate_i) · (x·up_i) of the place's row and expert. A unit is eight gates and their ups.</summary>
    /// <param name="gate">bf16, from the first expert's first gate to the last one's last: whatever lies between is skipped.</param>
    /// <param name="up">Likewise.</param>
    /// <param name="x">f32; rows begin at multiples of 16 bytes.</param>
    /// <param name="inner">f32.</param>
    /// <param name="rows">The row of each place.</param>
    /// <param name="counts">Rows of each expert.</param>
    /// <param name="inputs">H, a multiple of 8.</param>
    /// <param name="width">I, a multiple of 8.</param>
    /// <param name="experts">E.</param>
    /// <param name="gateStep">Rows from an expert's first gate to the next one's.</param>
    /// <param name="upStep">Likewise.</param>
    /// <param name="slices">Slices of k.</param>
    [Kernel("expert_gate_up_ring", Threads, groups: "*", Unroll = true)]
    [Instance("eight", typeof(EightRows), typeof(SplitTerms))]
    [Instance("sixteen", typeof(SixteenRows), typeof(SplitTerms))]
    [Instance("eight_rounded", typeof(EightRows), typeof(SingleTerm))]
    [Instance("sixteen_rounded", typeof(SixteenRows), typeof(SingleTerm))]
    [Cuda("sm_90a", SharedBytes = ExpertRowsShare.SharedBytes)]
    public static void GateUp<TTile, TTerms>(
        [Shape("G", "H"), Tile(Units * Box)] TensorMap<ushort> gate,
        [Shape("U", "H"), Tile(Units * Box)] TensorMap<ushort> up,
        [Shape("T", "H")] ArrayView<float> x,
        [Shape("N", "I")] ArrayView<float> inner,
        [Shape("N")] ArrayView<int> rows,
        [Shape("E")] ArrayView<int> counts,
        [Extent("H")] int inputs,
        [Extent("I")] int width,
        [Extent("E")] int experts,
        int gateStep,
        int upStep,
        int slices)
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
    {
        // The sort's output is what this begins with.
        DependentLaunch.Wait();
        Work<GateUpProduct, TTile, TTerms>(x, inner, rows, counts, inputs, width, experts, gateStep, upStep, slices);
    }

    /// <summary>parts[place, h] = inner·down_h of the place's expert. A unit is sixteen downs.</summary>
    /// <param name="down">bf16, from the first expert's first row to the last one's last.</param>
    /// <param name="inner">f32; rows begin at multiples of 16 bytes.</param>
    /// <param name="parts">f32.</param>
    /// <param name="counts">Rows of each expert.</param>
    /// <param name="inputs">I, a multiple of 8.</param>
    /// <param name="outputs">H, a multiple of 8.</param>
    /// <param name="experts">E.</param>
    /// <param name="downStep">Rows from an expert's first to the next one's.</param>
    /// <param name="slices">Slices of k.</param>
    [Kernel("expert_down_ring", Threads, groups: "*", Unroll = true)]
    [Instance("eight", typeof(EightRows), typeof(SplitTerms))]
    [Instance("sixteen", typeof(SixteenRows), typeof(SplitTerms))]
    [Instance("eight_rounded", typeof(EightRows), typeof(SingleTerm))]
    [Instance("sixteen_rounded", typeof(SixteenRows), typeof(SingleTerm))]
    [Cuda("sm_90a", SharedBytes = ExpertRowsShare.SharedBytes)]
    public static void Down<TTile, TTerms>(
        [Shape("D", "I"), Tile(2 * Units * Box)] TensorMap<ushort> down,
        [Shape("N", "I")] ArrayView<float> inner,
        [Shape("N", "H")] ArrayView<float> parts,
        [Shape("E")] ArrayView<int> counts,
        [Extent("I")] int inputs,
        [Extent("H")] int outputs,
        [Extent("E")] int experts,
        int downStep,
        int slices)
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
    {
        Work<DownProduct, TTile, TTerms>(inner, parts, default, counts, inputs, outputs, experts, downStep, downStep, slices);
    }

    private static void Work<TProduct, TTile, TTerms>(
        ArrayView<float> x,
        ArrayView<float> output,
        ArrayView<int> rows,
        ArrayView<int> counts,
        int inputs,
        int outputs,
        int experts,
        int step,
        int upStep,
        int slices)
        where TProduct : struct, IExpertProduct
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
    {
        ExpertRowsShare share = default;
        share.Memory = ExpertRowsShare.Base();
        uint tiles = ExpertRowsShare.TileList<TTile>(share.Memory);
        int warp = Lanes.First(Group.IdxX >> 5);
        if (Group.IdxX == Units * 32)
        {
            ExpertRowsShare.Make<TTile>(share.Memory);
        }

        if (warp == 0)
        {
            ExpertRowsTiles.List<TTile>(tiles, counts, experts);
        }

        Group.Barrier();

        // Only now may the next launch begin: what the sort left lies there for it, too.
        DependentLaunch.Allow();
        share.Each = TProduct.IsGateUp ? outputs / Box : (outputs + (2 * Box) - 1) / (2 * Box);
        share.Pieces = (share.Each + Units - 1) / Units;
        share.End = ExpertRowsTiles.Count(tiles) * share.Pieces;
        share.Inputs = inputs;
        share.Blocks = (inputs + (ExpertRowsShare.PartBlocks * Depth) - 1) / (ExpertRowsShare.PartBlocks * Depth) * ExpertRowsShare.PartBlocks;
        if (warp == Units)
        {
            // Weights are nobody's output: those of down come while the launch before still runs.
            if ((Group.IdxX & 31) == 0)
            {
                ExpertRowsCopies.BringWeights<TProduct, TTile>(share, step, upStep);
            }
        }
        else if (warp > Units)
        {
            DependentLaunch.Wait();
            ExpertRowsCopies.BringRows<TProduct, TTile>(share, x, rows);
        }
        else
        {
            DependentLaunch.Wait();
            Multiply<TProduct, TTile, TTerms>(share, output, warp, outputs, slices);
        }
    }

    private static void Multiply<TProduct, TTile, TTerms>(ExpertRowsShare share, ArrayView<float> output, int warp, int outputs, int slices)
        where TProduct : struct, IExpertProduct
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
    {
        int lane = Group.IdxX & 31, stage = 0, parity = 0, part = 0, partParity = 0;
        int sliceBlocks = (share.Blocks + (slices * ExpertRowsShare.PartBlocks) - 1) / (slices * ExpertRowsShare.PartBlocks) * ExpertRowsShare.PartBlocks;

        // A lane has row l / 4 of each eight of weights, in the order 0, 4, 1, 5, …: chunks are swizzled within rows, and so eight
        // lanes read all banks.
        int quarter = lane & 3, weightRow = (((lane >> 2) & 1) * 4) + (lane >> 3);
        uint weights = share.Memory + (uint)((warp * (TProduct.IsGateUp ? 1 : 2) * ExpertRowsShare.BoxBytes) + (weightRow * 128) + ((quarter ^ weightRow) * 16));
        uint tiles = ExpertRowsShare.TileList<TTile>(share.Memory), own = ExpertRowsShare.Rows(share.Memory) + (uint)(((lane >> 2) * ExpertRowsShare.RowBytes) + (quarter * 32));
        var total = new float[TTile.Rows * 4];
        for (int number = Grid.IdxX; number < share.End; number += Grid.DimX)
        {
            for (int i = 0; i < TTile.Rows * 4; i++)
            {
                total[i] = 0;
            }

            for (int slice = 0; slice < slices; slice++)
            {
                for (int i = 0; i < TTile.Rows * 2; i++)
                {
                    Accumulators.Clear4(i * 4);
                }

                int sliceEnd = Math.Min((slice + 1) * sliceBlocks, share.Blocks);
                int block = slice * sliceBlocks;
                while (block < sliceEnd)
                {
                    // A loop that stays one: what it waits for comes between the rounds anyway.
                    int partEnd = Math.Min(block + ExpertRowsShare.PartBlocks, sliceEnd);
                    uint from = own + (uint)(part * TTile.Rows * ExpertRowsShare.EightBytes);
                    AsyncBarrier.Wait(ExpertRowsShare.Came<TTile>(share.Memory, part), partParity);
                    for (; block < partEnd; block++)
                    {
                        int k = block * Depth;
                        AsyncBarrier.Wait(ExpertRowsShare.Full<TTile>(share.Memory, stage), parity);
                        if (k < share.Inputs)
                        {
                            Add<TProduct, TTile, TTerms>(weights + (uint)(stage * ExpertRowsShare.WeightBytes), from, k + (quarter * 8), share.Inputs);
                        }

                        // Each lane for itself: an arrival orders the reads of the thread that arrives.
                        AsyncBarrier.Arrive(ExpertRowsShare.Empty<TTile>(share.Memory, stage));
                        from += Depth * 4;
                        stage++;
                        if (stage == ExpertRowsShare.Stages)
                        {
                            stage = 0;
                            parity ^= 1;
                        }
                    }

                    part++;
                    if (part == ExpertRowsShare.Parts)
                    {
                        part = 0;
                        partParity ^= 1;
                    }
                }

                for (int i = 0; i < TTile.Rows * 4; i++)
                {
                    int sum = (i / 4 * 8) + (i % 4);
                    float added = Accumulators.Get(sum) + Accumulators.Get(sum + 4);
                    total[i] = slice == 0 ? added : total[i] + added;
                }
            }

            // What a warp without a unit multiplied goes nowhere, and so does what stands for rows that do not exist.
            ExpertRowsPiece piece = ExpertRowsShare.Piece(share, number);
            int there = warp < piece.Count ? ExpertRowsTiles.Rows(tiles, piece.Tile) : 0, place = ExpertRowsTiles.Place(tiles, piece.Tile);
            int n = ((piece.First + warp) * (TProduct.IsGateUp ? Box : 2 * Box)) + weightRow;
            for (int i = 0; i < TTile.Rows * 2; i++)
            {
                int row = (i / 2 * 8) + (quarter * 2) + (i % 2), sum = (i / 2 * 4) + (i % 2);
                if (row < there)
                {
                    long at = ((long)(place + row) * outputs) + n;
                    if (TProduct.IsGateUp)
                    {
                        output[at] = GateMath.Silu(total[sum]) * total[sum + 2];
                    }
                    else
                    {
                        output[at] = total[sum];
                        if (n + Box < outputs)
                        {
                            output[at + Box] = total[sum + 2];
                        }
                    }
                }
            }
        }
    }

    // Two blocks of 32, as RowProducts multiplies them.
    private static void Add<TProduct, TTile, TTerms>(uint weights, uint rows, int k, int inputs)
        where TProduct : struct, IExpertProduct
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
    {
        for (int b = 0; b < 2; b++)
        {
            uint at = b == 0 ? weights : weights ^ 64u;
            U4 upper = WideAccess.LoadShared(at);
            U4 lower = WideAccess.LoadShared(at + (uint)(TProduct.IsGateUp ? ExpertRowsShare.WeightBytes / 2 : ExpertRowsShare.BoxBytes));
            var left = new U4 { X = upper.X, Y = lower.X, Z = upper.Y, W = lower.Y };
            var right = new U4 { X = upper.Z, Y = lower.Z, Z = upper.W, W = lower.W };
            for (int t = 0; t < TTile.Rows; t++)
            {
                uint from = rows + (uint)((t * ExpertRowsShare.EightBytes) + (b * 128));
                var terms = new uint[8];
                RowProducts.Split<TTerms>(terms, 0, WideAccess.LoadShared(from), WideAccess.LoadShared(from + 16), k + (b * 32) < inputs);
                WarpMatrix.Multiply(t * 8, left, terms[0], terms[1]);
                if (TTerms.Count == 2)
                {
                    WarpMatrix.Multiply((t * 8) + 4, left, terms[4], terms[5]);
                }

                WarpMatrix.Multiply(t * 8, right, terms[2], terms[3]);
                if (TTerms.Count == 2)
                {
                    WarpMatrix.Multiply((t * 8) + 4, right, terms[6], terms[7]);
                }
            }
        }
    }
}
