using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>Mixes information across positions: gated attention or Gated DeltaNet.</summary>
internal interface IMixer
{
    /// <summary>[N, H]: what multiplies its rows first.</summary>
    LinearWeight Input { get; }

    /// <summary>What it does with terms.</summary>
    TermUse TermUse { get; }

    /// <summary>Computes what the layer adds to the residual stream; it may leave the sum to the norm behind it.</summary>
    /// <param name="x">[T, H], normed; nothing where <paramref name="projected"/> is given.</param>
    /// <param name="projected">f32 [T, N]: x times <see cref="Input"/>, or empty.</param>
    /// <param name="output">f32 [T, H]: room for it.</param>
    /// <param name="step">The step.</param>
    Addend Forward(NormedRows x, Tensor projected, Tensor output, StepContext step);

    /// <summary>Whether it can leave what later rows read of these and compute no more: <see cref="Fill"/>.</summary>
    bool Fills { get; }

    /// <summary>Does so. <see cref="Forward"/> of some of the rows, in a batch of their own, then gives what it would have given of all.</summary>
    /// <param name="x">[T, H], normed: both its values and, where there are any, its terms.</param>
    /// <param name="step">The step; it notes which rows are not finite in <see cref="StepContext.CacheFaults"/>.</param>
    void Fill(NormedRows x, StepContext step);

    /// <summary>Bytes of the step's memory that <see cref="Forward"/> takes.</summary>
    /// <param name="rows">T.</param>
    long Bytes(long rows);
}
