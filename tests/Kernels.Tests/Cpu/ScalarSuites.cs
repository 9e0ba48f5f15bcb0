namespace Lean.Kernels.Tests;

public sealed class ScalarEmbeddingLookupTests : EmbeddingLookupTests<ScalarTarget>;

public sealed class ScalarGatherRowsTests : GatherRowsTests<ScalarTarget>;

public sealed class ScalarAddRmsNormTests : AddRmsNormTests<ScalarTarget>;

public sealed class ScalarPartSumTests : PartSumTests<ScalarTarget>;

public sealed class ScalarGatedRmsNormTests : GatedRmsNormTests<ScalarTarget>;

public sealed class ScalarLinearTests : LinearTests<ScalarTarget>;

public sealed class ScalarRotaryTableTests : RotaryTableTests<ScalarTarget>;

public sealed class ScalarPrepareAttentionTests : PrepareAttentionTests<ScalarTarget>;

public sealed class ScalarPagedAttentionTests : PagedAttentionTests<ScalarTarget>;

public sealed class ScalarCausalConvolutionTests : CausalConvolutionTests<ScalarTarget>;

public sealed class ScalarPromptDeltaRuleTests : PromptDeltaRuleTests<ScalarTarget>;

public sealed class ScalarGeneratedDeltaRuleTests : GeneratedDeltaRuleTests<ScalarTarget>;

public sealed class ScalarExpertRouterTests : ExpertRouterTests<ScalarTarget>;

public sealed class ScalarGroupedExpertsTests : GroupedExpertsTests<ScalarTarget>;

public sealed class ScalarExpertPartTests : ExpertPartTests<ScalarTarget>;

public sealed class ScalarGatedMlpTests : GatedMlpTests<ScalarTarget>;

public sealed class ScalarGreedyPickTests : GreedyPickTests<ScalarTarget>;

public sealed class ScalarRankPicksTests : RankPicksTests<ScalarTarget>;

public sealed class ScalarAdjustLogitsTests : AdjustLogitsTests<ScalarTarget>;

public sealed class ScalarMaskLogitsTests : MaskLogitsTests<ScalarTarget>;

public sealed class ScalarSampleTokensTests : SampleTokensTests<ScalarTarget>;

public sealed class ScalarLogProbabilitiesTests : LogProbabilitiesTests<ScalarTarget>;

public sealed class ScalarTokenSharesTests : TokenSharesTests<ScalarTarget>;

public sealed class ScalarTopLogProbabilitiesTests : TopLogProbabilitiesTests<ScalarTarget>;

public sealed class ScalarProbesTests : ProbesTests<ScalarTarget>;

public sealed class ScalarPlaceRowsTests : PlaceRowsTests<ScalarTarget>;

public sealed class ScalarAcceptDraftsTests : AcceptDraftsTests<ScalarTarget>;

public sealed class ScalarFollowRowsTests : FollowRowsTests<ScalarTarget>;

public sealed class ScalarPlaceDraftsTests : PlaceDraftsTests<ScalarTarget>;

public sealed class ScalarDrawNumbersTests : DrawNumbersTests<ScalarTarget>;

public sealed class ScalarVersionedStateTests : VersionedStateTests<ScalarTarget>;

public sealed class ScalarRoundedActivationTests : RoundedActivationTests<ScalarRoundedTarget, ScalarTarget>;
