using Lean.Comm;
using Lean.Engine.Models;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>What every layer is built from: the rank's part of the model, the device's ops, and the form weights take on it.</summary>
/// <param name="Shard">The rank's part of the model.</param>
/// <param name="Ops">The device's ops.</param>
/// <param name="Parameters">Brings weights to the device.</param>
/// <param name="Peers">The other ranks, or null where there is one.</param>
internal sealed record LayerContext(ModelShard Shard, KernelSet Ops, Parameters Parameters, Peers? Peers = null)
{
    /// <summary>The heads and widths of the rank's layers, and what else config.json says.</summary>
    public ModelConfig Config => Shard.Own;

    /// <summary>Which layer is built: the MTP head's counts as the one after the model's last, and what is no layer as −1.</summary>
    public int Index { get; init; } = -1;

    /// <summary>A column-parallel linear: projections of one input, of which the rank has some output features.</summary>
    public LinearWeight Column(params ReadOnlySpan<Tensor> parts) => Parameters.Linear(parts);

    /// <summary>A row-parallel linear, of which the rank has some input features.</summary>
    public RowLinear Row(Tensor weight, CollectivePurpose purpose) => new(Parameters.Linear(weight), purpose, this);
}
