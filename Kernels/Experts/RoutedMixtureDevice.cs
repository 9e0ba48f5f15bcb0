using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>A mixture of experts from its logits on, on a device: few generated rows without a launch for their choice.</summary>
internal sealed class RoutedMixtureDevice(KernelStream stream, RoutedMixture inTwo) : RoutedMixture
{
    private readonly FewExpertRows _few = new(stream);

    public override long ScratchBytes(ExpertWeights weights, SharedExpert shared, long rows, long topK) => long.Max(
        inTwo.ScratchBytes(weights, shared, rows, topK), FewExpertRows.ScratchBytes(rows, topK, weights.Width, shared.Down.Inputs));

    private protected override void Launch(
        Tensor x, ExpertWeights weights, SharedExpert shared, Tensor logits, long topK, bool renormalise, Tensor gateLogit, Tensor scratch, Tensor output,
        long promptRows)
    {
        if (promptRows > 0 || !Trials.Routed || !_few.TryRoute(x, weights, shared, logits, topK, renormalise, gateLogit, scratch.Address, output))
        {
            inTwo.Run(x, weights, shared, logits, topK, renormalise, gateLogit, scratch, output, promptRows);
        }
    }
}
