using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// A mixture of experts on a device: few generated rows in two launches on the matrix units, straight from their choice;
/// more rows, and prompts', by the two ops, which group rows by expert. Both add up in the same order.
/// </summary>
internal sealed class ExpertMixtureDevice(KernelStream stream, DType activations, GroupedExperts routed, GatedMlp mlp) : ExpertMixture
{
    private readonly FewExpertRows _few = new(stream, activations == DType.BF16);
    private readonly ExpertMixtureInTwo _inTwo = new(routed, mlp);

    public override long ScratchBytes(ExpertWeights weights, SharedExpert shared, long rows, long topK) => long.Max(
        _inTwo.ScratchBytes(weights, shared, rows, topK), FewExpertRows.ScratchBytes(rows, topK, weights.Width, shared.Down.Inputs));

    private protected override void Launch(
        Tensor x, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output, long promptRows)
    {
        if (promptRows > 0 || !_few.TryRun(x, weights, shared, experts, mix, gateLogit, scratch.Address, output))
        {
            _inTwo.Run(x, weights, shared, experts, mix, gateLogit, scratch, output, promptRows);
        }
    }
}
