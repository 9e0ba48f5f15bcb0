using Lean.Engine.Models;
using Lean.Engine.Sampling;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>Runs a step: model, LM head, choice of tokens.</summary>
internal sealed class ModelRunner(DecoderModel model, KernelSet ops)
{
    private readonly Sampler _sampler = new(ops);

    /// <summary>Computes a step and chooses a token for each of its output rows.</summary>
    /// <param name="step">The step; its arena starts over.</param>
    public StepOutput Run(StepContext step)
    {
        step.Arena.Begin();
        Tensor hidden = model.Forward(step);
        long outputs = step.Batch.OutputRows.Shape[0];
        if (outputs == 0)
        {
            return new StepOutput { Tokens = step.Arena.I32(0, 1).Reshape(new Shape(0)), LogProbabilities = step.Arena.F32(0, 1).Reshape(new Shape(0)) };
        }

        Tensor logits = model.Logits(hidden, step.Batch, step.Arena);
        return _sampler.Choose(logits, step.Sampling, step.Arena);
    }
}
