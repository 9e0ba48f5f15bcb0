using Lean.Engine.Layers;
using Lean.Engine.Weights;

namespace Lean.Engine.Models;

/// <summary>
/// Qwen3.5 and 3.6, mixture of experts: the layers of Qwen3-Next, every MLP a mixture. Projections are flat, experts
/// fused into one tensor (or stored one by one). Source: Qwen3_5MoeForCausalLM in transformers.
/// </summary>
internal sealed class Qwen35Moe : ModelArchitecture
{
    public override IMixer DeltaNet(object weights, int ordinal, LayerContext layer) =>
        new GatedDeltaNet(DeltaNetWeights.From((FlatDeltaNetWeights)weights, layer), ordinal, layer);

    protected override object BindDeltaNet(IWeightBinder binder, string prefix, ModelConfig config) =>
        FlatDeltaNetWeights.Bind(binder, prefix, config);
}
