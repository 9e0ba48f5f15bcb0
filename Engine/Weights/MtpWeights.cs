using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>
/// What the multi-token-prediction head has besides a decoder layer. fc is small and every rank needs all of its
/// output, so it is not divided.
/// </summary>
[WeightSet]
internal sealed partial class MtpWeights
{
    /// <summary>Takes the embedding (first) beside the hidden state.</summary>
    [Weight("fc.weight", "Hidden", "2 * Hidden")]
    public required Tensor Fc { get; init; }

    /// <summary>Norm of the next token's embedding; scales by 1 + w.</summary>
    [Weight("pre_fc_norm_embedding.weight", "Hidden")]
    public required Tensor PreFcNormEmbedding { get; init; }

    /// <summary>Norm of the hidden state; scales by 1 + w.</summary>
    [Weight("pre_fc_norm_hidden.weight", "Hidden")]
    public required Tensor PreFcNormHidden { get; init; }

    /// <summary>Norm before the LM head; scales by 1 + w.</summary>
    [Weight("norm.weight", "Hidden")]
    public required Tensor Norm { get; init; }
}
