namespace Lean.Kernels.Tests;

public sealed class LevelZeroEmbeddingLookupTests : EmbeddingLookupTests<LevelZeroTarget>;

public sealed class LevelZeroAddRmsNormTests : AddRmsNormTests<LevelZeroTarget>;

public sealed class LevelZeroPartSumTests : PartSumTests<LevelZeroTarget>;

public sealed class LevelZeroLinearTests : LinearTests<LevelZeroTarget>;

public sealed class LevelZeroGreedyPickTests : GreedyPickTests<LevelZeroTarget>;

public sealed class LevelZeroRankPicksTests : RankPicksTests<LevelZeroTarget>;

public sealed class LevelZeroAdjustLogitsTests : AdjustLogitsTests<LevelZeroTarget>;

public sealed class LevelZeroMaskLogitsTests : MaskLogitsTests<LevelZeroTarget>;

public sealed class LevelZeroSampleTokensTests : SampleTokensTests<LevelZeroTarget>;

public sealed class LevelZeroLogProbabilitiesTests : LogProbabilitiesTests<LevelZeroTarget>;

public sealed class LevelZeroTopLogProbabilitiesTests : TopLogProbabilitiesTests<LevelZeroTarget>;

public sealed class LevelZeroPromptDeltaRuleTests : PromptDeltaRuleTests<LevelZeroTarget>;

public sealed class LevelZeroGeneratedDeltaRuleTests : GeneratedDeltaRuleTests<LevelZeroTarget>;

public sealed class LevelZeroExpertRouterTests : ExpertRouterTests<LevelZeroTarget>;

public sealed class LevelZeroGroupedExpertsTests : GroupedExpertsTests<LevelZeroTarget>;

public sealed class LevelZeroExpertPartTests : ExpertPartTests<LevelZeroTarget>;

public sealed class LevelZeroGatedMlpTests : GatedMlpTests<LevelZeroTarget>;

public sealed class LevelZeroGatherRowsTests : GatherRowsTests<LevelZeroTarget>;

public sealed class LevelZeroGatedRmsNormTests : GatedRmsNormTests<LevelZeroTarget>;

public sealed class LevelZeroRotaryTableTests : RotaryTableTests<LevelZeroTarget>;

public sealed class LevelZeroPrepareAttentionTests : PrepareAttentionTests<LevelZeroTarget>;

public sealed class LevelZeroPagedAttentionTests : PagedAttentionTests<LevelZeroTarget>;

public sealed class LevelZeroCausalConvolutionTests : CausalConvolutionTests<LevelZeroTarget>;

public sealed class LevelZeroPlaceRowsTests : PlaceRowsTests<LevelZeroTarget>;

public sealed class LevelZeroAcceptDraftsTests : AcceptDraftsTests<LevelZeroTarget>;

public sealed class LevelZeroFollowRowsTests : FollowRowsTests<LevelZeroTarget>;

public sealed class LevelZeroPlaceDraftsTests : PlaceDraftsTests<LevelZeroTarget>;

public sealed class LevelZeroDrawNumbersTests : DrawNumbersTests<LevelZeroTarget>;

public sealed class LevelZeroVersionedStateTests : VersionedStateTests<LevelZeroTarget>;
