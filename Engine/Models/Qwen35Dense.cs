using Lean.Engine.Layers;
using Lean.Engine.Weights;

namespace Lean.Engine.Models;

/// <summary>
/// Qwen3.5, 3.6 and 3.8, dense: the mixers of the mixture-of-experts models with one MLP a layer; small ones tie the LM
/// head to the embedding. Source: Qwen3_5ForCausalLM in transformers.
/// </summary>
internal sealed class Qwen35Dense : ModelArchitecture
{
    public override IMixer DeltaNet(object weights, int ordinal, LayerContext layer) =>
        new GatedDeltaNet(DeltaNetWeights.From((FlatDeltaNetWeights)weights, layer), ordinal, layer);

    protected override object BindDeltaNet(IWeightBinder binder, string prefix, ModelConfig config) =>
        FlatDeltaNetWeights.Bind(binder, prefix, config);
}
