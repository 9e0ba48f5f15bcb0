using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>The token embedding.</summary>
[WeightSet]
internal sealed partial class EmbeddingWeights
{
    /// <summary>A row per token; each rank looks up the tokens it holds.</summary>
    [Weight("embed_tokens.weight", "Vocabulary", "Hidden", Split = TensorSplit.Rows)]
    public required Tensor EmbedTokens { get; init; }
}
