using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The choice by its op, then the mixture by its.</summary>
internal sealed class RoutedMixtureInTwo(ExpertRouter router, ExpertMixture mixture) : RoutedMixture
{
    private const long Alignment = 64;

    public override long ScratchBytes(ExpertWeights weights, SharedExpert shared, long rows, long topK) =>
        (2 * PairBytes(rows, topK)) + mixture.ScratchBytes(weights, shared, rows, topK);

    private protected override void Launch(
        Tensor x, ExpertWeights weights, SharedExpert shared, Tensor logits, long topK, bool renormalise, Tensor gateLogit, Tensor scratch, Tensor output,
        long promptRows)
    {
        long rows = x.Shape[0], pairs = PairBytes(rows, topK);
        var experts = new Tensor(DType.I32, new Shape(rows, topK), scratch.Address);
        var mix = new Tensor(DType.F32, new Shape(rows, topK), scratch.Address + (nint)pairs);
        router.Run(logits, renormalise, experts, mix);
        mixture.Run(x, weights, shared, experts, mix, gateLogit, scratch.Rows(2 * pairs, scratch.Shape[0] - (2 * pairs)), output, promptRows);
    }

    private static long PairBytes(long rows, long topK) => ((rows * topK * sizeof(float)) + Alignment - 1) / Alignment * Alignment;
}
