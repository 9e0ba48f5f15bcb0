namespace Lean.Kernels.Tests;

public sealed class ReferenceEmbeddingLookupTests : EmbeddingLookupTests<ReferenceTarget>;

public sealed class ReferenceGatherRowsTests : GatherRowsTests<ReferenceTarget>;

public sealed class ReferenceAddRmsNormTests : AddRmsNormTests<ReferenceTarget>;

public sealed class ReferencePartSumTests : PartSumTests<ReferenceTarget>;

public sealed class ReferenceGatedRmsNormTests : GatedRmsNormTests<ReferenceTarget>;

public sealed class ReferenceLinearTests : LinearTests<ReferenceTarget>;

public sealed class ReferenceRotaryTableTests : RotaryTableTests<ReferenceTarget>;

public sealed class ReferencePrepareAttentionTests : PrepareAttentionTests<ReferenceTarget>;

public sealed class ReferencePagedAttentionTests : PagedAttentionTests<ReferenceTarget>;

public sealed class ReferenceCausalConvolutionTests : CausalConvolutionTests<ReferenceTarget>;

public sealed class ReferenceExpertRouterTests : ExpertRouterTests<ReferenceTarget>;

public sealed class ReferenceGroupedExpertsTests : GroupedExpertsTests<ReferenceTarget>;

public sealed class ReferenceExpertPartTests : ExpertPartTests<ReferenceTarget>;

public sealed class ReferenceGatedMlpTests : GatedMlpTests<ReferenceTarget>;

public sealed class ReferenceGreedyPickTests : GreedyPickTests<ReferenceTarget>;

public sealed class ReferenceRankPicksTests : RankPicksTests<ReferenceTarget>;

public sealed class ReferenceAdjustLogitsTests : AdjustLogitsTests<ReferenceTarget>;

public sealed class ReferenceMaskLogitsTests : MaskLogitsTests<ReferenceTarget>;

public sealed class ReferenceSampleTokensTests : SampleTokensTests<ReferenceTarget>;

public sealed class ReferenceLogProbabilitiesTests : LogProbabilitiesTests<ReferenceTarget>;

public sealed class ReferenceTokenSharesTests : TokenSharesTests<ReferenceTarget>;

public sealed class ReferenceTopLogProbabilitiesTests : TopLogProbabilitiesTests<ReferenceTarget>;

/// <summary>The reference keeps its state in f64 during a call, so a cut into calls shows as one rounding to f32.</summary>
public sealed class ReferencePromptDeltaRuleTests : PromptDeltaRuleTests<ReferenceTarget>
{
    protected override string? Difference(Outputs expected, Outputs actual) => Compare.Close(expected, actual, new Tolerance(3e-7, 3e-7));
}

/// <inheritdoc cref="ReferencePromptDeltaRuleTests"/>
public sealed class ReferenceGeneratedDeltaRuleTests : GeneratedDeltaRuleTests<ReferenceTarget>
{
    protected override string? Difference(Outputs expected, Outputs actual) => Compare.Close(expected, actual, new Tolerance(3e-7, 3e-7));
}

public sealed class ReferencePlaceRowsTests : PlaceRowsTests<ReferenceTarget>;

public sealed class ReferenceAcceptDraftsTests : AcceptDraftsTests<ReferenceTarget>;

public sealed class ReferenceFollowRowsTests : FollowRowsTests<ReferenceTarget>;

public sealed class ReferencePlaceDraftsTests : PlaceDraftsTests<ReferenceTarget>;

public sealed class ReferenceDrawNumbersTests : DrawNumbersTests<ReferenceTarget>;
