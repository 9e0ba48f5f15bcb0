using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// grouped_experts, generated rows that share experts, on Hopper: the sums of <see cref="ExpertRows"/>, to the bit, with weights on
/// their way from a launch's first instruction to its last. A group stays on each multiprocessor, and pieces of the outputs of all
/// tiles (rows that share an expert) go from group to group in turn: eight units of sixteen rows of weights, a warp's each. Of two warps
/// more one has blocks of weights brought to a ring in shared memory, the other the tile's rows (<see cref="ExpertRowsCopies"/>); a warp
/// multiplies its unit's (<see cref="ExpertRowsSums"/>) and waits for nobody else. A shared expert is one more, whose tiles are of all rows.
/// <para>
/// Each group finds out for itself which rows share experts (<see cref="ExpertRowsChoice"/>): that takes less than a launch that would tell all of them.
/// </para>
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

    /// <summary>inner[place, i] = silu(x·gate_i) · (x·up_i) of the place's row and expert, the shared expert's behind the others, and the places. A unit is eight gates and their ups.</summary>
    /// <param name="gate">bf16, from the first expert's first gate to the last one's last: whatever lies between is skipped.</param>
    /// <param name="up">Likewise.</param>
    /// <param name="sharedGate">bf16, the gates of expert number E, which every row has; any matrix where there is none.</param>
    /// <param name="sharedUp">Likewise its ups.</param>
    /// <param name="x">f32; rows begin at multiples of 16 bytes.</param>
    /// <param name="inner">f32.</param>
    /// <param name="chosen">The experts of each row, no two of them alike.</param>
    /// <param name="places">By expert, then by row; −1 where the expert is not here.</param>
    /// <param name="rows">T.</param>
    /// <param name="topK">K.</param>
    /// <param name="inputs">H, a multiple of 8.</param>
    /// <param name="width">I, a multiple of 8.</param>
    /// <param name="experts">E.</param>
    /// <param name="firstExpert">The first that is here.</param>
    /// <param name="sharedRows">T if there is a shared expert, else 0.</param>
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
        [Shape("G", "H"), Tile(Units * Box, Streamed = true)] TensorMap<ushort> gate,
        [Shape("U", "H"), Tile(Units * Box, Streamed = true)] TensorMap<ushort> up,
        [Shape("SharedG", "H"), Tile(Units * Box, Streamed = true)] TensorMap<ushort> sharedGate,
        [Shape("SharedU", "H"), Tile(Units * Box, Streamed = true)] TensorMap<ushort> sharedUp,
        [Shape("T", "H")] ArrayView<float> x,
        [Shape("N", "I")] ArrayView<float> inner,
        [Shape("T", "K")] ArrayView<int> chosen,
        [Shape("T", "K")] ArrayView<int> places,
        [Extent("T")] int rows,
        [Extent("K")] int topK,
        [Extent("H")] int inputs,
        [Extent("I")] int width,
        int experts,
        int firstExpert,
        int sharedRows,
        int gateStep,
        int upStep,
        int slices)
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
    {
        ExpertRowsShare share = Begin(rows, topK, experts, firstExpert, sharedRows, inputs);
        Work<GateUpProduct, TTile, TTerms>(share, x, inner, chosen, places, width, gateStep, upStep, slices);
    }

    /// <summary>parts[place, h] = inner·down_h of the place's expert, the shared one's behind the others. A unit is sixteen downs.</summary>
    /// <param name="down">bf16, from the first expert's first row to the last one's last.</param>
    /// <param name="sharedDown">bf16, of expert number E; any matrix where there is none.</param>
    /// <param name="inner">f32; rows begin at multiples of 16 bytes.</param>
    /// <param name="parts">f32.</param>
    /// <param name="chosen">The experts of each row.</param>
    /// <param name="rows">T.</param>
    /// <param name="topK">K.</param>
    /// <param name="inputs">I, a multiple of 8.</param>
    /// <param name="outputs">H, a multiple of 8.</param>
    /// <param name="experts">E.</param>
    /// <param name="firstExpert">The first that is here.</param>
    /// <param name="sharedRows">T if there is a shared expert, else 0.</param>
    /// <param name="downStep">Rows from an expert's first to the next one's.</param>
    /// <param name="slices">Slices of k.</param>
    [Kernel("expert_down_ring", Threads, groups: "*", Unroll = true)]
    [Instance("eight", typeof(EightRows), typeof(SplitTerms))]
    [Instance("sixteen", typeof(SixteenRows), typeof(SplitTerms))]
    [Instance("eight_rounded", typeof(EightRows), typeof(SingleTerm))]
    [Instance("sixteen_rounded", typeof(SixteenRows), typeof(SingleTerm))]
    [Cuda("sm_90a", SharedBytes = ExpertRowsShare.SharedBytes)]
    public static void Down<TTile, TTerms>(
        [Shape("D", "I"), Tile(2 * Units * Box, Streamed = true)] TensorMap<ushort> down,
        [Shape("SharedD", "I"), Tile(2 * Units * Box, Streamed = true)] TensorMap<ushort> sharedDown,
        [Shape("N", "I")] ArrayView<float> inner,
        [Shape("N", "H")] ArrayView<float> parts,
        [Shape("T", "K")] ArrayView<int> chosen,
        [Extent("T")] int rows,
        [Extent("K")] int topK,
        [Extent("I")] int inputs,
        [Extent("H")] int outputs,
        int experts,
        int firstExpert,
        int sharedRows,
        int downStep,
        int slices)
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
    {
        ExpertRowsShare share = Begin(rows, topK, experts, firstExpert, sharedRows, inputs);
        Work<DownProduct, TTile, TTerms>(share, inner, parts, chosen, default, outputs, downStep, downStep, slices);
    }

    private static ExpertRowsShare Begin(int rows, int topK, int experts, int firstExpert, int sharedRows, int inputs)
    {
        ExpertRowsShare share = default;
        share.Memory = ExpertRowsShare.Base();
        share.RowCount = rows;
        share.TopK = topK;
        share.Experts = experts;
        share.FirstExpert = firstExpert;
        share.SharedRows = sharedRows;
        share.Inputs = inputs;
        share.Blocks = (inputs + (ExpertRowsShare.PartBlocks * Depth) - 1) / (ExpertRowsShare.PartBlocks * Depth) * ExpertRowsShare.PartBlocks;
        return share;
    }

    private static void Work<TProduct, TTile, TTerms>(
        ExpertRowsShare share,
        ArrayView<float> x,
        ArrayView<float> output,
        ArrayView<int> chosen,
        ArrayView<int> places,
        int outputs,
        int step,
        int upStep,
        int slices)
        where TProduct : struct, IExpertProduct
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
    {
        uint choice = ExpertRowsShare.Choice<TTile>(share.Memory);
        int warp = Lanes.First(Group.IdxX >> 5);
        ExpertRowsChoice.Clear(choice, share.Experts);
        if (Group.IdxX == Units * 32)
        {
            ExpertRowsShare.Make<TTile>(share.Memory);
        }

        if (TProduct.IsGateUp)
        {
            // The rows' choice is what this begins with.
            DependentLaunch.Wait();
        }

        Group.Barrier();
        ExpertRowsChoice.Take(choice, chosen, share);
        if (warp == 0)
        {
            ExpertRowsTiles.List<TTile>(share);
        }

        Group.Barrier();
        if (TProduct.IsGateUp)
        {
            // Only now may the next launch begin: the choice lies there for it, too.
            DependentLaunch.Allow();
            if (warp == 0)
            {
                ExpertRowsChoice.Place(choice, chosen, places, share);
            }
        }

        share.Each = TProduct.IsGateUp ? outputs / Box : (outputs + (2 * Box) - 1) / (2 * Box);
        share.Pieces = (share.Each + Units - 1) / Units;
        share.End = ExpertRowsTiles.Count(ExpertRowsShare.TileList<TTile>(share.Memory)) * share.Pieces;
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
            if (!TProduct.IsGateUp)
            {
                // The sums over the ranks begin with the places, which lie there from here on.
                DependentLaunch.Allow();
            }

            ExpertRowsCopies.BringRows<TProduct, TTile>(share, x);
        }
        else
        {
            DependentLaunch.Wait();
            ExpertRowsSums.Multiply<TProduct, TTile, TTerms>(share, output, warp, outputs, slices);
        }
    }
}
