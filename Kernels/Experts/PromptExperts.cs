using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// A prompt's routed experts by wgmma, on Hopper (Kernels/Device/Ops/ExpertsWarpGroup.cs): where weights and rows lie decides
/// whether they run there, never how many rows there are.
/// </summary>
/// <param name="stream">The device.</param>
/// <param name="rounds">Whether activations are rounded to bf16, instead of going in as two terms.</param>
internal sealed class PromptExperts(KernelStream stream, bool rounds)
{
    // As in ExpertTiles of Kernels/Device, and the columns of its tiles.
    private const int TileRows = 128;
    private const int Inners = 128;
    private const int Outputs = 256;
    private const int PlanColumns = 4;

    private readonly LinearMatrixUnits _units = new(stream, rounds);

    /// <summary>What the plan of so many entries takes.</summary>
    public static Shape Plan(long entries, long experts) => new((entries / TileRows) + experts + 1, PlanColumns);

    /// <summary>Whether these experts can go this way: the copy engine reaches their matrices, whose rows lie on one grid.</summary>
    public bool Takes(in Tensor x, ExpertWeights weights, in Tensor gates, in Tensor ups, in Tensor downs, in Tensor output) =>
        stream.MatrixUnits == MatrixUnits.WarpGroup
        && _units.Takes(gates, weights.Hidden) && _units.Takes(ups, weights.Hidden) && _units.Takes(downs, weights.Width)
        && gates.RowStride % weights.Hidden == 0 && ups.RowStride % weights.Hidden == 0 && downs.RowStride % weights.Width == 0
        && IsAligned(x) && IsAligned(output);

    /// <summary>Queues all of it.</summary>
    /// <param name="x">f32 [T, H].</param>
    /// <param name="weights">The experts.</param>
    /// <param name="gates">Their matrices, an expert in each row.</param>
    /// <param name="ups">Likewise.</param>
    /// <param name="downs">Likewise.</param>
    /// <param name="experts">i32 [T, K].</param>
    /// <param name="mix">f32 [T, K].</param>
    /// <param name="scratch">Of these rows.</param>
    /// <param name="output">f32 [T, H].</param>
    public void Run(
        in Tensor x,
        ExpertWeights weights,
        in Tensor gates,
        in Tensor ups,
        in Tensor downs,
        in Tensor experts,
        in Tensor mix,
        in ExpertScratch scratch,
        in Tensor output)
    {
        Tensor places = scratch.Places(experts.Shape[1]), inner = scratch.InnerTerms, parts = scratch.Parts, plan = scratch.Plan;
        long hidden = weights.Hidden, width = weights.Width;
        ExpertsSortWarpLauncher.Launch(stream, experts, places, scratch.Rows, scratch.Counts, weights.First);
        ExpertsPlanLauncher.Launch(stream, scratch.Counts, plan);
        Tensor gate = Matrix(gates, hidden, width), up = Matrix(ups, hidden, width), down = Matrix(downs, width, hidden);
        int gateStep = Step(gates, hidden), upStep = Step(ups, hidden), downStep = Step(downs, width);
        int inners = Groups(plan, width, Inners), outputs = Groups(plan, hidden, Outputs);
        _units.Split(x, scratch.Terms);
        if (rounds)
        {
            ExpertGateUpWarpgroupRoundedLauncher.Launch(stream, gate, up, inner, inner, plan, scratch.Rows, scratch.Terms, gateStep, upStep, (int)width, inners);
            ExpertDownWarpgroupRoundedLauncher.Launch(stream, down, down, parts, inner, parts, plan, downStep, outputs);
        }
        else
        {
            ExpertGateUpWarpgroupSplitLauncher.Launch(stream, gate, up, inner, inner, plan, scratch.Rows, scratch.Terms, gateStep, upStep, (int)width, inners);
            ExpertDownWarpgroupSplitLauncher.Launch(stream, down, down, parts, inner, parts, plan, downStep, outputs);
        }

        ExpertsCombineWideLauncher.Launch(stream, places, mix, parts, output);
    }

    // From the first expert's first row to the last one's last.
    private static Tensor Matrix(in Tensor experts, long inputs, long outputs) =>
        new(DType.BF16, new Shape(((experts.Shape[0] - 1) * Step(experts, inputs)) + outputs, inputs), experts.Address);

    // Rows from an expert to the next.
    private static int Step(in Tensor experts, long inputs) => checked((int)(experts.RowStride / inputs));

    private int Groups(in Tensor plan, long outputs, int columns) =>
        (int)long.Min(stream.Multiprocessors, (plan.Shape[0] - 1) * ((outputs + columns - 1) / columns));

    // The copy engine and 16-byte loads alike; a view of some rows keeps what all of them have.
    private static bool IsAligned(in Tensor rows) => rows.Address % 16 == 0 && rows.RowStride % 4 == 0;
}
