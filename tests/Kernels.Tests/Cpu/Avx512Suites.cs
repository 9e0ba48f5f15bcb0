namespace Lean.Kernels.Tests;

public sealed class Avx512EmbeddingLookupTests : EmbeddingLookupTests<Avx512Target>;

public sealed class Avx512GatherRowsTests : GatherRowsTests<Avx512Target>;

public sealed class Avx512AddRmsNormTests : AddRmsNormTests<Avx512Target>;

public sealed class Avx512PartSumTests : PartSumTests<Avx512Target>;

public sealed class Avx512GatedRmsNormTests : GatedRmsNormTests<Avx512Target>;

public sealed class Avx512LinearTests : LinearTests<Avx512Target>;

public sealed class Avx512RotaryTableTests : RotaryTableTests<Avx512Target>;

public sealed class Avx512PrepareAttentionTests : PrepareAttentionTests<Avx512Target>;

public sealed class Avx512PagedAttentionTests : PagedAttentionTests<Avx512Target>;

public sealed class Avx512CausalConvolutionTests : CausalConvolutionTests<Avx512Target>;

public sealed class Avx512PromptDeltaRuleTests : PromptDeltaRuleTests<Avx512Target>;

public sealed class Avx512GeneratedDeltaRuleTests : GeneratedDeltaRuleTests<Avx512Target>;

public sealed class Avx512ExpertRouterTests : ExpertRouterTests<Avx512Target>;

public sealed class Avx512GroupedExpertsTests : GroupedExpertsTests<Avx512Target>;

public sealed class Avx512ExpertPartTests : ExpertPartTests<Avx512Target>;

public sealed class Avx512GatedMlpTests : GatedMlpTests<Avx512Target>;

public sealed class Avx512GreedyPickTests : GreedyPickTests<Avx512Target>;

public sealed class Avx512AdjustLogitsTests : AdjustLogitsTests<Avx512Target>;

public sealed class Avx512MaskLogitsTests : MaskLogitsTests<Avx512Target>;

public sealed class Avx512SampleTokensTests : SampleTokensTests<Avx512Target>;

public sealed class Avx512LogProbabilitiesTests : LogProbabilitiesTests<Avx512Target>;

public sealed class Avx512TokenSharesTests : TokenSharesTests<Avx512Target>;

public sealed class Avx512TopLogProbabilitiesTests : TopLogProbabilitiesTests<Avx512Target>;

public sealed class Avx512ProbesTests : ProbesTests<Avx512Target>;

public sealed class Avx512VersionedStateTests : VersionedStateTests<Avx512Target>;

public sealed class Avx512RoundedActivationTests : RoundedActivationTests<Avx512RoundedTarget, Avx512Target>;
