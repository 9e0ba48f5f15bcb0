using Lean.Comm;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>
/// The reduction of what the ranks of a replica computed in part: f32, added in the order of the ranks, so that a row's
/// bits depend on the layout alone. One rank's part is the whole.
/// </summary>
/// <param name="purpose">What the result is.</param>
/// <param name="layer">What layers are built from.</param>
internal sealed class PartialSum(CollectivePurpose purpose, LayerContext layer)
{
    private readonly Peers? _peers = layer.Shard.Layout.Tensor > 1 ? layer.Peers : null;
    private readonly int _index = layer.Index;

    /// <summary>Makes the part the whole, in place.</summary>
    /// <param name="partial">f32 [T, H].</param>
    public void Complete(Tensor partial) => _peers?.Sum(GroupKind.Tensor, purpose, _index, partial);

    /// <summary>Makes the part the whole, or leaves that to the <see cref="ResidualNorm"/> that takes it next.</summary>
    /// <param name="partial">f32 [T, H].</param>
    public void CompleteForNorm(Tensor partial)
    {
        if (_peers?.TryLeave(GroupKind.Tensor, purpose, _index, partial) == false)
        {
            Complete(partial);
        }
    }
}
