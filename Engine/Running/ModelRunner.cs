using Lean.Engine.Models;
using Lean.Engine.Sampling;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>Runs a step: model, LM head, choice of tokens.</summary>
internal sealed class ModelRunner(DecoderModel model, Transfers transfers)
{
    private readonly Sampler _sampler = new(transfers.Ops);

    /// <summary>Computes a step and chooses a token for each of its output rows.</summary>
    /// <param name="step">What is computed; its arena starts over.</param>
    /// <param name="batch">The step's rows, on the host.</param>
    /// <param name="sampling">How its tokens are chosen, on the host.</param>
    /// <returns>What came of it, on the host.</returns>
    public StepOutput Run(StepContext step, in StepBatch batch, in SamplingRows sampling)
    {
        step.Arena.Begin();
        transfers.Begin();
        step.Batch = transfers.ToDevice(batch, step.Arena);
        Tensor hidden = model.Forward(step);
        StepOutput chosen = default;
        if (batch.OutputRows.Shape[0] > 0)
        {
            Tensor logits = model.Logits(hidden, step.Batch, step.Arena);
            chosen = _sampler.Choose(logits, transfers.ToDevice(sampling, step.Arena), step.Arena);
        }

        chosen = new StepOutput
        {
            Faults = transfers.ToHost(step.Faults),
            Tokens = transfers.ToHost(chosen.Tokens),
            LogProbabilities = transfers.ToHost(chosen.LogProbabilities),
            Listed = transfers.ToHost(chosen.Listed),
            ListedValues = transfers.ToHost(chosen.ListedValues),
        };
        transfers.Wait();
        return chosen;
    }
}
