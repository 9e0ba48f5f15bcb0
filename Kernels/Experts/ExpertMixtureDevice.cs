using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// A mixture of experts on a device: few generated rows in two launches on the matrix units, straight from their choice;
/// prompts' on Hopper with the shared expert as one more of the routed ones; other rows by the two ops, which group rows by
/// expert. All add up in the same order.
/// </summary>
internal sealed class ExpertMixtureDevice(KernelStream stream, DType activations, GroupedExperts routed, GatedMlp mlp) : ExpertMixture
{
    private readonly FewExpertRows _few = new(stream, activations == DType.BF16);
    private readonly PromptExperts _prompt = new(stream, activations == DType.BF16);
    private readonly ExpertMixtureInTwo _inTwo = new(routed, mlp);

    public override long ScratchBytes(ExpertWeights weights, SharedExpert shared, long rows, long topK) => long.Max(
        long.Max(_inTwo.ScratchBytes(weights, shared, rows, topK), _prompt.ScratchBytes(weights, rows, topK)),
        FewExpertRows.ScratchBytes(rows, topK, weights.Width, shared.Down.Inputs));

    private protected override void Launch(
        Tensor x, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output, long promptRows)
    {
        if (promptRows > 0 && _prompt.TryRun(
            x.Rows(0, promptRows), weights, shared, experts.Rows(0, promptRows), mix.Rows(0, promptRows), gateLogit.Rows(0, promptRows), scratch.Address, output.Rows(0, promptRows)))
        {
            long generated = x.Shape[0] - promptRows;
            if (generated == 0)
            {
                return;
            }

            (x, experts, mix) = (x.Rows(promptRows, generated), experts.Rows(promptRows, generated), mix.Rows(promptRows, generated));
            (gateLogit, output, promptRows) = (gateLogit.Rows(promptRows, generated), output.Rows(promptRows, generated), 0);
        }

        if (promptRows > 0 || !_few.TryRun(x, weights, shared, experts, mix, gateLogit, scratch.Address, output))
        {
            _inTwo.Run(x, weights, shared, experts, mix, gateLogit, scratch, output, promptRows);
        }
    }
}
