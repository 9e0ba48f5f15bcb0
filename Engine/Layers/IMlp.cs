using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>The position-wise half of a decoder layer: dense or a mixture of experts.</summary>
internal interface IMlp
{
    /// <summary>[N, H]: its router, where that multiplies its rows first; else null.</summary>
    LinearWeight? Input { get; }

    /// <summary>What it does with terms.</summary>
    TermUse TermUse { get; }

    /// <summary>Computes what the layer adds to the residual stream.</summary>
    /// <param name="x">[T, H], normed.</param>
    /// <param name="projected">f32 [T, N], rows may be strided: x times <see cref="Input"/>, or empty.</param>
    /// <param name="output">f32 [T, H].</param>
    /// <param name="step">The step.</param>
    void Forward(NormedRows x, Tensor projected, Tensor output, StepContext step);

    /// <summary>Bytes of the step's memory that <see cref="Forward"/> takes.</summary>
    /// <param name="rows">T.</param>
    long Bytes(long rows);
}
