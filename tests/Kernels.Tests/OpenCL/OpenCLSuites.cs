namespace Lean.Kernels.Tests;

public sealed class OpenCLEmbeddingLookupTests : EmbeddingLookupTests<OpenCLTarget>;

public sealed class OpenCLAddRmsNormTests : AddRmsNormTests<OpenCLTarget>;

public sealed class OpenCLPartSumTests : PartSumTests<OpenCLTarget>;

public sealed class OpenCLLinearTests : LinearTests<OpenCLTarget>;

public sealed class OpenCLGreedyPickTests : GreedyPickTests<OpenCLTarget>;

public sealed class OpenCLRankPicksTests : RankPicksTests<OpenCLTarget>;

public sealed class OpenCLAdjustLogitsTests : AdjustLogitsTests<OpenCLTarget>;

public sealed class OpenCLMaskLogitsTests : MaskLogitsTests<OpenCLTarget>;

public sealed class OpenCLSampleTokensTests : SampleTokensTests<OpenCLTarget>;

public sealed class OpenCLLogProbabilitiesTests : LogProbabilitiesTests<OpenCLTarget>;

public sealed class OpenCLTopLogProbabilitiesTests : TopLogProbabilitiesTests<OpenCLTarget>;

public sealed class OpenCLPromptDeltaRuleTests : PromptDeltaRuleTests<OpenCLTarget>;

public sealed class OpenCLGeneratedDeltaRuleTests : GeneratedDeltaRuleTests<OpenCLTarget>;

public sealed class OpenCLExpertRouterTests : ExpertRouterTests<OpenCLTarget>;

public sealed class OpenCLGroupedExpertsTests : GroupedExpertsTests<OpenCLTarget>;

public sealed class OpenCLExpertPartTests : ExpertPartTests<OpenCLTarget>;

public sealed class OpenCLGatedMlpTests : GatedMlpTests<OpenCLTarget>;

public sealed class OpenCLGatherRowsTests : GatherRowsTests<OpenCLTarget>;

public sealed class OpenCLGatedRmsNormTests : GatedRmsNormTests<OpenCLTarget>;

public sealed class OpenCLRotaryTableTests : RotaryTableTests<OpenCLTarget>;

public sealed class OpenCLPrepareAttentionTests : PrepareAttentionTests<OpenCLTarget>;

public sealed class OpenCLPagedAttentionTests : PagedAttentionTests<OpenCLTarget>;

public sealed class OpenCLCausalConvolutionTests : CausalConvolutionTests<OpenCLTarget>;

public sealed class OpenCLProbesTests : ProbesTests<OpenCLTarget>;

public sealed class OpenCLPlaceRowsTests : PlaceRowsTests<OpenCLTarget>;

public sealed class OpenCLAcceptDraftsTests : AcceptDraftsTests<OpenCLTarget>;

public sealed class OpenCLFollowRowsTests : FollowRowsTests<OpenCLTarget>;

public sealed class OpenCLPlaceDraftsTests : PlaceDraftsTests<OpenCLTarget>;

public sealed class OpenCLDrawNumbersTests : DrawNumbersTests<OpenCLTarget>;

public sealed class OpenCLVersionedStateTests : VersionedStateTests<OpenCLTarget>;

public sealed class OpenCLRoundedActivationTests : RoundedActivationTests<OpenCLRoundedTarget, OpenCLTarget>;
