using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// A prompt's routed experts by wgmma, on Hopper (Kernels/Device/Ops/ExpertsWarpGroup.cs), and a shared expert as one more of
/// them: where weights and rows lie decides whether they run there, never how many rows there are.
/// </summary>
/// <param name="stream">The device.</param>
/// <param name="rounds">Whether activations are rounded to bf16, instead of going in as two terms.</param>
internal sealed class PromptExperts(KernelStream stream, bool rounds)
{
    // As in ExpertTiles of Kernels/Device, and the columns of a tile.
    private const int TileRows = 144;
    private const int Inners = 128;
    private const int Outputs = 256;
    private const int PlanColumns = 4;

    // As in ExpertsOrder, and of its two kernels.
    private const int OrderGroups = 16, FewExperts = 256, MostExperts = 512;

    private readonly LinearMatrixUnits _units = new(stream, rounds);

    /// <summary>What the plan of so many places takes.</summary>
    public static Shape Plan(long places, long experts) => new((places / TileRows) + experts + 1, PlanColumns);

    /// <summary>Bytes of scratch memory that T rows need, a shared expert's included; 0 where none runs here.</summary>
    public long ScratchBytes(ExpertWeights weights, long rows, long topK)
    {
        long free = 0;
        if (stream.MatrixUnits != MatrixUnits.WarpGroup)
        {
            return free;
        }

        _ = new ExpertScratch(ref free, _units, weights, rows, topK, slots: 0, hasShared: true);
        return free;
    }

    /// <summary>Queues all of it, if the copy engine reaches the experts' matrices and their rows lie on one grid.</summary>
    /// <param name="x">f32 [T, H].</param>
    /// <param name="terms">bf16: their terms, or empty where they have yet to be made.</param>
    /// <param name="weights">The experts.</param>
    /// <param name="shared">An expert that every row goes through besides, or null.</param>
    /// <param name="experts">i32 [T, K].</param>
    /// <param name="mix">f32 [T, K].</param>
    /// <param name="gateLogit">f32 [T, 1]: its sigmoid multiplies the shared expert's sums; empty without one.</param>
    /// <param name="scratch">As many bytes as <see cref="ScratchBytes"/>.</param>
    /// <param name="output">f32 [T, H].</param>
    /// <returns>Whether it was done.</returns>
    public bool TryRun(
        in Tensor x, Tensor terms, ExpertWeights weights, SharedExpert? shared, in Tensor experts, in Tensor mix, in Tensor gateLogit, nint scratch, in Tensor output)
    {
        if (!ExpertMatrices.IsAligned(output) || !TryRun(x, terms, weights, shared, experts, mix, gateLogit, scratch, out ExpertParts parts))
        {
            return false;
        }

        ExpertSum.Run(stream, parts, output);
        return true;
    }

    /// <summary>The same without the sum.</summary>
    /// <param name="x">As above, and so all others.</param>
    /// <param name="terms">bf16, or empty.</param>
    /// <param name="weights">The experts.</param>
    /// <param name="shared">Another one, or null.</param>
    /// <param name="experts">i32 [T, K].</param>
    /// <param name="mix">f32 [T, K].</param>
    /// <param name="gateLogit">f32 [T, 1], or empty.</param>
    /// <param name="scratch">The parts lie there.</param>
    /// <param name="given">What the experts gave, without a total where there is no shared one.</param>
    /// <returns>Whether it was done.</returns>
    public bool TryRun(
        in Tensor x, Tensor terms, ExpertWeights weights, SharedExpert? shared, in Tensor experts, in Tensor mix, in Tensor gateLogit, nint scratch, out ExpertParts given)
    {
        given = default;
        long hidden = weights.Hidden, width = weights.Width;
        if (!Takes(weights, shared, out Tensor gates, out Tensor ups, out Tensor downs) || !ExpertMatrices.IsAligned(x))
        {
            return false;
        }

        if (!terms.IsEmpty)
        {
            _units.CheckTerms("prompt_experts", terms, hidden);
        }

        long free = scratch;
        var memory = new ExpertScratch(ref free, _units, weights, x.Shape[0], experts.Shape[1], slots: 0, hasShared: shared is not null);
        Tensor places = memory.Places(experts.Shape[1]), inner = memory.InnerTerms, parts = rounds ? memory.RoundedParts : memory.Parts, plan = memory.Plan;
        int count = weights.Count, sharedRows = shared is null ? 0 : (int)x.Shape[0], all = shared is null ? count : count + 1;
        if (count <= FewExperts)
        {
            ExpertsOrderFewLauncher.Launch(stream, experts, places, memory.Rows, plan, all, weights.First, sharedRows, OrderGroups);
        }
        else
        {
            ExpertsOrderManyLauncher.Launch(stream, experts, places, memory.Rows, plan, all, weights.First, sharedRows, OrderGroups);
        }

        Tensor gate = ExpertMatrices.Matrix(gates, hidden, width), up = ExpertMatrices.Matrix(ups, hidden, width), down = ExpertMatrices.Matrix(downs, width, hidden);
        Tensor sharedGate = shared?.GateUp.Rows(0, width) ?? gate, sharedUp = shared?.GateUp.Rows(width, width) ?? up, sharedDown = shared?.Down.Rows(0, hidden) ?? down;
        int gateStep = ExpertMatrices.Step(gates, hidden), upStep = ExpertMatrices.Step(ups, hidden), downStep = ExpertMatrices.Step(downs, width);
        int inners = Groups(plan, width, Inners), outputs = Groups(plan, hidden, Outputs);
        if (terms.IsEmpty)
        {
            terms = memory.Terms;
            _units.Split(x, terms);
        }

        if (rounds)
        {
            ExpertGateUpWarpgroupRoundedLauncher.Launch(
                stream, gate, up, inner, sharedGate, sharedUp, inner, plan, memory.Rows, terms, gateStep, upStep, (int)width, count, inners);
            ExpertDownWarpgroupRoundedLauncher.Launch(stream, down, inner, sharedDown, parts, parts, plan, downStep, count, outputs);
        }
        else
        {
            ExpertGateUpWarpgroupSplitLauncher.Launch(
                stream, gate, up, inner, sharedGate, sharedUp, inner, plan, memory.Rows, terms, gateStep, upStep, (int)width, count, inners);
            ExpertDownWarpgroupSplitLauncher.Launch(stream, down, inner, sharedDown, parts, parts, plan, downStep, count, outputs);
        }

        given = new ExpertParts(places, mix, parts, shared is null ? default : parts.Rows(places.Shape.Count, sharedRows), gateLogit);
        return true;
    }

    /// <summary>Whether rows on one grid run here.</summary>
    public bool Takes(ExpertWeights weights, SharedExpert shared) => Takes(weights, shared, out _, out _, out _);

    private bool Takes(ExpertWeights weights, SharedExpert? shared, out Tensor gates, out Tensor ups, out Tensor downs)
    {
        long hidden = weights.Hidden, width = weights.Width;
        (gates, ups, downs) = (default, default, default);
        return stream.MatrixUnits == MatrixUnits.WarpGroup && weights.Count <= MostExperts && weights.TryStack(out gates, out ups, out downs)
            && _units.Takes(gates, hidden) && _units.Takes(ups, hidden) && _units.Takes(downs, width)
            && gates.RowStride % hidden == 0 && ups.RowStride % hidden == 0 && downs.RowStride % width == 0 && (shared is null || ExpertMatrices.Takes(_units, shared, width));
    }

    private int Groups(in Tensor plan, long outputs, int columns) =>
        (int)long.Min(stream.Multiprocessors, (plan.Shape[0] - 1) * ((outputs + columns - 1) / columns));
}
