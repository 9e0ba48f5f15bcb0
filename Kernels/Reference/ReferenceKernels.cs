using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// The ops as their formulas say, in plain f64 loops: the oracle for every other set, and slow. A whole model runs on
/// it. A row's bits depend on its sequence alone, as the contract asks, with one exception: the delta rule rounds its
/// state to f32 only at the end of a call, so there the cut into calls shows in the last bits.
/// </summary>
public static class ReferenceKernels
{
    /// <summary>Makes the set.</summary>
    /// <param name="cacheType">The element type of its KV cache, f32 or bf16: the oracle of a device keeps what the device keeps.</param>
    /// <param name="activations">What its products with bf16 weights take of their rows, f32 or bf16.</param>
    public static KernelSet Create(DType cacheType = DType.F32, DType activations = DType.F32) => Create(cacheType, activations, off: 0);

    /// <summary>Makes the set.</summary>
    /// <param name="cacheType">As above.</param>
    /// <param name="activations">As above.</param>
    /// <param name="off">How far off the first of two products is taken to be, see <see cref="InnerReference"/>.</param>
    internal static KernelSet Create(DType cacheType, DType activations, double off) => new()
    {
        Description = RoundedActivations.Describe("reference, f64 loops", activations),
        Activations = activations,
        Embedding = new EmbeddingLookupReference(),
        GatherRows = new GatherRowsReference(),
        AddRmsNorm = new AddRmsNormReference(),
        PartSum = new PartSumReference(),
        GatedRmsNorm = new GatedRmsNormReference(),
        Linear = new LinearReference(activations),
        GateLinear = new LinearReference(),
        EightBitLinear = new EightBitLinearReference(),
        RotaryTable = new RotaryTableReference(),
        PrepareAttention = new PrepareAttentionReference(cacheType),
        PagedAttention = new PagedAttentionReference(cacheType),
        CausalConvolution = new CausalConvolutionReference(),
        PromptDeltaRule = new GatedDeltaRuleReference(),
        GeneratedDeltaRule = new GatedDeltaRuleReference(),
        GeneratedDeltaNet = new GeneratedDeltaNetInThree(new CausalConvolutionReference(), new GatedDeltaRuleReference(), new GatedRmsNormReference()),
        ExpertRouter = new ExpertRouterReference(),
        GroupedExperts = new GroupedExpertsReference(activations, off),
        GatedMlp = new GatedMlpReference(activations, off),
        ExpertMixture = new ExpertMixtureInTwo(new GroupedExpertsReference(activations, off), new GatedMlpReference(activations, off)),
        GreedyPick = new GreedyPickReference(),
        RankPicks = new RankPicksReference(),
        AdjustLogits = new AdjustLogitsReference(),
        MaskLogits = new MaskLogitsReference(),
        SampleTokens = new SampleTokensReference(),
        TokenShares = new TokenSharesReference(),
        LogProbabilities = new LogProbabilitiesReference(),
        TopLogProbabilities = new TopLogProbabilitiesReference(),
        StepRows = new StepRowsReference(),
    };
}
