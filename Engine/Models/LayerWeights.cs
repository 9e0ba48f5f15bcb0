using Lean.Engine.Weights;

namespace Lean.Engine.Models;

/// <summary>The weights of one decoder layer; the sets' types say which mixer and which MLP it has.</summary>
/// <param name="Norms">The two norms.</param>
/// <param name="Mixer"><see cref="GatedAttentionWeights"/>, <see cref="FlatDeltaNetWeights"/> or <see cref="InterleavedDeltaNetWeights"/>.</param>
/// <param name="Mlp"><see cref="DenseMlpWeights"/> or <see cref="MoeWeights"/>.</param>
internal sealed record LayerWeights(DecoderNormWeights Norms, object Mixer, object Mlp);
