namespace Lean.Kernels.Tests;

public sealed class Avx2EmbeddingLookupTests : EmbeddingLookupTests<Avx2Target>;

public sealed class Avx2GatherRowsTests : GatherRowsTests<Avx2Target>;

public sealed class Avx2AddRmsNormTests : AddRmsNormTests<Avx2Target>;

public sealed class Avx2PartSumTests : PartSumTests<Avx2Target>;

public sealed class Avx2GatedRmsNormTests : GatedRmsNormTests<Avx2Target>;

public sealed class Avx2LinearTests : LinearTests<Avx2Target>;

public sealed class Avx2RotaryTableTests : RotaryTableTests<Avx2Target>;

public sealed class Avx2PrepareAttentionTests : PrepareAttentionTests<Avx2Target>;

public sealed class Avx2PagedAttentionTests : PagedAttentionTests<Avx2Target>;

public sealed class Avx2CausalConvolutionTests : CausalConvolutionTests<Avx2Target>;

public sealed class Avx2PromptDeltaRuleTests : PromptDeltaRuleTests<Avx2Target>;

public sealed class Avx2GeneratedDeltaRuleTests : GeneratedDeltaRuleTests<Avx2Target>;

public sealed class Avx2ExpertRouterTests : ExpertRouterTests<Avx2Target>;

public sealed class Avx2GroupedExpertsTests : GroupedExpertsTests<Avx2Target>;

public sealed class Avx2ExpertPartTests : ExpertPartTests<Avx2Target>;

public sealed class Avx2GatedMlpTests : GatedMlpTests<Avx2Target>;

public sealed class Avx2GreedyPickTests : GreedyPickTests<Avx2Target>;

public sealed class Avx2AdjustLogitsTests : AdjustLogitsTests<Avx2Target>;

public sealed class Avx2MaskLogitsTests : MaskLogitsTests<Avx2Target>;

public sealed class Avx2SampleTokensTests : SampleTokensTests<Avx2Target>;

public sealed class Avx2LogProbabilitiesTests : LogProbabilitiesTests<Avx2Target>;

public sealed class Avx2TokenSharesTests : TokenSharesTests<Avx2Target>;

public sealed class Avx2TopLogProbabilitiesTests : TopLogProbabilitiesTests<Avx2Target>;

public sealed class Avx2ProbesTests : ProbesTests<Avx2Target>;

public sealed class Avx2VersionedStateTests : VersionedStateTests<Avx2Target>;

public sealed class Avx2RoundedActivationTests : RoundedActivationTests<Avx2RoundedTarget, Avx2Target>;
