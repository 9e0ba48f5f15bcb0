using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>Softmax and top-k over the router's logits.</summary>
internal sealed class RouterBench : OpBench
{
    private readonly int _experts, _topK, _logits, _chosen, _mix;

    public RouterBench(int experts, int topK, int rows) : base("expert_router", $"{topK} of {experts}", rows, null)
    {
        (_experts, _topK) = (experts, topK);
        _logits = Fixed.Add(DType.F32, new Shape(rows, experts));
        (_chosen, _mix) = (IntegerOutput(rows, topK), Output(rows, topK));
    }

    // An exponential, a difference and a sum for each expert; finding the largest is no arithmetic.
    public override Work Work => new(sizeof(float) * (double)Rows * (_experts + (2 * _topK)), 3.0 * Rows * _experts);

    public override void Launch(KernelSet ops, int turn) =>
        ops.ExpertRouter.Run(Data.Fixed(_logits, turn), renormalise: true, Data.Own(_chosen), Data.Own(_mix));

    public override void Check(CheckRun check)
    {
        Tensor chosen = Data.Own(_chosen), mix = Data.Own(_mix);
        check.Poison(chosen);
        check.Poison(mix);
        Launch(check.Ops, 0);
        check.Whole("the weights", mix);
        foreach (int row in Sampled())
        {
            Tensor expected = check.New(DType.I32, 1, _topK), expectedMix = check.New(DType.F32, 1, _topK);
            check.Exact.ExpertRouter.Run(check.Copy(Data.Fixed(_logits, 0).Rows(row, 1)), renormalise: true, expected, expectedMix);
            check.Same($"row {row}", chosen.Rows(row, 1), expected);
            check.Close($"row {row}", mix.Rows(row, 1), expectedMix, SumsInF32);
        }
    }
}
