using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The routed experts by their op, then the shared one by its.</summary>
internal sealed class ExpertMixtureInTwo(GroupedExperts routed, GatedMlp mlp) : ExpertMixture
{
    private const long Alignment = 64;

    public override long ScratchBytes(ExpertWeights weights, SharedExpert shared, long rows, long topK) =>
        long.Max(routed.ScratchBytes(weights, rows, topK), (rows * shared.GateUp.Outputs * sizeof(float)) + Alignment);

    private protected override void Launch(
        Tensor x, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output, long promptRows)
    {
        // The shared expert begins where the routed ones are done, so both may have the scratch memory.
        routed.Run(x, weights, experts, mix, scratch, output, promptRows);
        var inner = new Tensor(DType.F32, new Shape(x.Shape[0], shared.GateUp.Outputs), scratch.Address);
        mlp.Run(x, shared.GateUp, shared.Down, gateLogit, add: output, inner, output, promptRows);
    }
}
