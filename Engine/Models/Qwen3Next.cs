using Lean.Engine.Layers;
using Lean.Engine.Weights;

namespace Lean.Engine.Models;

/// <summary>
/// Qwen3-Next: three Gated DeltaNet layers, then one of gated attention, and so on; mixtures of experts, with dense MLPs
/// where decoder_sparse_step or mlp_only_layers say so. Projections are interleaved per key head, experts stored one by
/// one. Source: Qwen3NextForCausalLM in transformers.
/// </summary>
internal sealed class Qwen3Next : ModelArchitecture
{
    public override IMixer DeltaNet(object weights, int ordinal, LayerContext layer) =>
        new GatedDeltaNet(DeltaNetWeights.From((InterleavedDeltaNetWeights)weights, layer), ordinal, layer);

    protected override object BindDeltaNet(IWeightBinder binder, string prefix, ModelConfig config) =>
        InterleavedDeltaNetWeights.Bind(binder, prefix, config);
}
