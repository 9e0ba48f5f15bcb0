using System.Collections.Immutable;
using Lean.Kernels;

namespace Lean.Engine.Models;

/// <summary>
/// What config.json and generation_config.json say of a model, checked. The integer properties are the symbols
/// that weight shapes are written in (see <see cref="Weights.WeightAttribute"/>).
/// </summary>
internal sealed record ModelConfig
{
    /// <summary>Which architecture to build.</summary>
    public required ModelFamily Family { get; init; }

    /// <summary>model_type as the file gives it, for messages.</summary>
    public required string ModelType { get; init; }

    /// <summary>Width of the residual stream (hidden_size).</summary>
    public required int Hidden { get; init; }

    /// <summary>Rows of the embedding and of the LM head (vocab_size).</summary>
    public required int Vocabulary { get; init; }

    /// <summary>The longest sequence in tokens (max_position_embeddings).</summary>
    public required int MaxPositions { get; init; }

    /// <summary>ε of every norm (rms_norm_eps).</summary>
    public required float NormEpsilon { get; init; }

    /// <summary>Whether the LM head is the embedding (tie_word_embeddings).</summary>
    public required bool TiedHead { get; init; }

    /// <summary>The mixer of each decoder layer; its length is the number of layers.</summary>
    public required ImmutableArray<MixerKind> Mixers { get; init; }

    /// <summary>Whether each decoder layer's MLP is a mixture of experts (decoder_sparse_step, mlp_only_layers).</summary>
    public required ImmutableArray<bool> SparseMlp { get; init; }

    /// <summary>Query heads of full attention.</summary>
    public required int Heads { get; init; }

    /// <summary>Key/value heads of full attention; divides <see cref="Heads"/>.</summary>
    public required int KvHeads { get; init; }

    /// <summary>Dimensions of a head of full attention.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Rotary embedding of full attention.</summary>
    public required RopeConfig Rope { get; init; }

    /// <summary>Key heads of Gated DeltaNet.</summary>
    public required int KeyHeads { get; init; }

    /// <summary>Value heads of Gated DeltaNet, a multiple of <see cref="KeyHeads"/>.</summary>
    public required int ValueHeads { get; init; }

    /// <summary>Dimensions of a Gated DeltaNet key head.</summary>
    public required int KeyDim { get; init; }

    /// <summary>Dimensions of a Gated DeltaNet value head.</summary>
    public required int ValueDim { get; init; }

    /// <summary>Taps of the causal convolution (4 in every published model).</summary>
    public required int ConvKernel { get; init; }

    /// <summary>Routed experts, 0 for a dense model.</summary>
    public required int Experts { get; init; }

    /// <summary>Experts each token is sent to.</summary>
    public required int TopK { get; init; }

    /// <summary>Width of a routed expert (moe_intermediate_size).</summary>
    public required int ExpertWidth { get; init; }

    /// <summary>Width of the shared expert (shared_expert_intermediate_size).</summary>
    public required int SharedWidth { get; init; }

    /// <summary>Width of a dense MLP (intermediate_size), 0 where no layer has one.</summary>
    public required int FeedForward { get; init; }

    /// <summary>Whether the chosen experts' weights are scaled to sum to one (norm_topk_prob; always so in Qwen3.5).</summary>
    public required bool RenormaliseTopK { get; init; }

    /// <summary>Layers of the multi-token-prediction head; null where the config does not say and the weights decide.</summary>
    public required int? MtpLayers { get; init; }

    /// <summary>Tokens that end a generation: generation_config.json's list, else config.json's.</summary>
    public required ImmutableArray<int> EndOfSequence { get; init; }

    /// <summary>Decoder layers.</summary>
    public int Layers => Mixers.Length;

    /// <summary>Channels of the Gated DeltaNet convolution: all q, all k, all v.</summary>
    public int ConvChannels => (2 * KeyHeads * KeyDim) + (ValueHeads * ValueDim);

    /// <summary>The heads of full attention.</summary>
    public AttentionShape AttentionShape => new(Heads, KvHeads, HeadDim);

    /// <summary>The heads of Gated DeltaNet.</summary>
    public DeltaRuleShape DeltaRuleShape => new(KeyHeads, ValueHeads, KeyDim, ValueDim);
}
