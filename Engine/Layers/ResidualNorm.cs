using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>
/// Adds what one half of a layer computed to the residual stream and norms that for the next half. Where ranks computed it in
/// parts and their devices can, the parts are summed in the same launch: see <see cref="Peers.TryLeave"/>.
/// </summary>
/// <param name="weight">f32 [H].</param>
/// <param name="place">What it is called where a row is not finite.</param>
/// <param name="layer">What layers are built from.</param>
internal sealed class ResidualNorm(Tensor weight, int place, LayerContext layer)
{
    private readonly NormWeight _norm = new(weight, layer.Config.NormEpsilon, place);

    /// <summary>Runs it.</summary>
    /// <param name="residual">f32 [T, H], updated.</param>
    /// <param name="delta">f32 [T, H]: what is added, whole or left to be summed; or empty.</param>
    /// <param name="normed">f32 [T, H]: receives the norm.</param>
    /// <param name="step">The step.</param>
    public void Run(Tensor residual, Tensor delta, Tensor normed, StepContext step)
    {
        if (layer.Peers?.TrySumNorm(residual, delta, _norm, normed, step.Faults) != true)
        {
            layer.Ops.AddRmsNorm.Run(residual, delta, _norm.Weight, _norm.Epsilon, normed, step.Faults, _norm.Place);
        }
    }
}
