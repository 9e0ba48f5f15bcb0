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

    /// <summary>Computes what the layer adds to the residual stream; it may leave the sum to the norm behind it.</summary>
    /// <param name="x">[T, H], normed.</param>
    /// <param name="projected">f32 [T, N], rows may be strided: x times <see cref="Input"/>, or empty.</param>
    /// <param name="output">f32 [T, H]: room for it.</param>
    /// <param name="step">The step.</param>
    Addend Forward(NormedRows x, Tensor projected, Tensor output, StepContext step);

    /// <summary>Whether it takes a step's rows before their norm, which its router's launch then does; an MLP without a router never does.</summary>
    bool Norms(StepContext step) => false;

    /// <summary>The same of such rows.</summary>
    /// <param name="norm">Their norm.</param>
    /// <param name="residual">f32 [T, H].</param>
    /// <param name="delta">f32 [T, H]: what is added.</param>
    /// <param name="kept">f32 [T, H]: receives their sum; may be <paramref name="residual"/>.</param>
    /// <param name="normed">f32 [T, H], scratch.</param>
    /// <param name="output">f32 [T, H]: room for the result; may be <paramref name="delta"/>.</param>
    /// <param name="step">The step.</param>
    Addend Forward(ResidualNorm norm, Tensor residual, Tensor delta, Tensor kept, Tensor normed, Tensor output, StepContext step) => throw new NotSupportedException();

    /// <summary>Bytes of the step's memory that forward calls take.</summary>
    /// <param name="rows">T.</param>
    long Bytes(long rows);
}
