using Lean.Tensors;

namespace Lean.Engine.Models;

/// <summary>Watches the residual stream, for scoring.</summary>
internal interface IHiddenTap
{
    /// <summary>Called after each decoder layer; the stream there is <paramref name="residual"/> + <paramref name="delta"/>.</summary>
    /// <param name="layer">The layer's index.</param>
    /// <param name="residual">f32 [T, H].</param>
    /// <param name="delta">f32 [T, H].</param>
    void AfterLayer(int layer, Tensor residual, Tensor delta);
}
