using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>The two norms of a decoder layer.</summary>
[WeightSet]
internal sealed partial class DecoderNormWeights
{
    /// <summary>Before the mixer; scales by 1 + w.</summary>
    [Weight("input_layernorm.weight", "Hidden")]
    public required Tensor Input { get; init; }

    /// <summary>Before the MLP; scales by 1 + w.</summary>
    [Weight("post_attention_layernorm.weight", "Hidden")]
    public required Tensor PostAttention { get; init; }
}
