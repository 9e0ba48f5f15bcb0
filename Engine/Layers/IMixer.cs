using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>Mixes information across positions: gated attention or Gated DeltaNet.</summary>
internal interface IMixer
{
    /// <summary>Computes what the layer adds to the residual stream.</summary>
    /// <param name="x">f32 [T, H], normed.</param>
    /// <param name="output">f32 [T, H].</param>
    /// <param name="step">The step.</param>
    void Forward(Tensor x, Tensor output, StepContext step);

    /// <summary>Bytes of the step's memory that <see cref="Forward"/> takes.</summary>
    /// <param name="rows">T.</param>
    long Bytes(long rows);
}
