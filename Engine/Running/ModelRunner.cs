using Lean.Engine.Models;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>Runs a step: model, LM head, choice of tokens.</summary>
internal sealed class ModelRunner(DecoderModel model, KernelSet ops)
{
    /// <summary>Computes a step and chooses a token for each of its output rows.</summary>
    /// <param name="step">The step; its arena starts over.</param>
    /// <returns>i32 [R] tokens (−1 where logits are not finite) and f32 [R] log-probabilities, until the next step.</returns>
    public (Tensor Tokens, Tensor LogProbabilities) Run(StepContext step)
    {
        step.Arena.Begin();
        Tensor hidden = model.Forward(step);
        long outputs = step.Batch.OutputRows.Shape[0];
        Tensor tokens = step.Arena.I32(outputs, 1).Reshape(new Shape(outputs));
        Tensor logProbabilities = step.Arena.F32(outputs, 1).Reshape(new Shape(outputs));
        if (outputs > 0)
        {
            Tensor logits = model.Logits(hidden, step.Batch, step.Arena);
            ops.GreedyPick.Run(logits, tokens, logProbabilities);
        }

        return (tokens, logProbabilities);
    }
}
