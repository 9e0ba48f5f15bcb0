namespace Lean.Kernels;

/// <summary>
/// One implementation of every op, for one device. Models hold a set and call its ops; which implementation stands
/// behind each was decided when the set was made, at load.
/// </summary>
public sealed class KernelSet
{
    /// <summary>What the ops run on, such as "cpu avx512, 2 threads".</summary>
    public required string Description { get; init; }

    /// <summary>Token embedding.</summary>
    public required EmbeddingLookup Embedding { get; init; }

    /// <summary>Row selection.</summary>
    public required GatherRows GatherRows { get; init; }

    /// <summary>Residual add and RMSNorm with 1 + w.</summary>
    public required AddRmsNorm AddRmsNorm { get; init; }

    /// <summary>RMSNorm of Gated DeltaNet's output with silu(z).</summary>
    public required GatedRmsNorm GatedRmsNorm { get; init; }

    /// <summary>Matrix product with weights of the checkpoint.</summary>
    public required Linear Linear { get; init; }

    /// <summary>cos and sin of a step's positions.</summary>
    public required RotaryTable RotaryTable { get; init; }

    /// <summary>Head norms, RoPE and the write into the KV cache.</summary>
    public required PrepareAttention PrepareAttention { get; init; }

    /// <summary>Attention over the paged cache.</summary>
    public required PagedAttention PagedAttention { get; init; }

    /// <summary>Gated DeltaNet's convolution.</summary>
    public required CausalConvolution CausalConvolution { get; init; }

    /// <summary>The delta rule for prompt rows: in chunks on the grid.</summary>
    public required GatedDeltaRule PromptDeltaRule { get; init; }

    /// <summary>The delta rule for generated rows: step by step.</summary>
    public required GatedDeltaRule GeneratedDeltaRule { get; init; }

    /// <summary>Softmax and top-k over experts.</summary>
    public required ExpertRouter ExpertRouter { get; init; }

    /// <summary>Routed experts.</summary>
    public required GroupedExperts GroupedExperts { get; init; }

    /// <summary>Dense MLP and shared expert.</summary>
    public required GatedMlp GatedMlp { get; init; }

    /// <summary>Greedy choice of a token.</summary>
    public required GreedyPick GreedyPick { get; init; }

    /// <summary>Biases and penalties on logits.</summary>
    public required AdjustLogits AdjustLogits { get; init; }

    /// <summary>Random choice of a token.</summary>
    public required SampleTokens SampleTokens { get; init; }

    /// <summary>Log-probabilities of chosen tokens.</summary>
    public required LogProbabilities LogProbabilities { get; init; }

    /// <summary>The most likely tokens and their log-probabilities.</summary>
    public required TopLogProbabilities TopLogProbabilities { get; init; }
}
