namespace Lean.Kernels;

/// <summary>The CPU's ops.</summary>
public static class CpuKernels
{
    /// <summary>Makes the set that launches on <paramref name="backend"/>.</summary>
    public static KernelSet Create(CpuBackend backend)
    {
        GatedRmsNorm norm = new GatedRmsNormCpu(backend);
        CausalConvolution convolution = new CausalConvolutionCpu(backend);
        GatedDeltaRule rule = new RecurrentDeltaRuleCpu(backend);
        GroupedExperts experts = new GroupedExpertsCpu(backend);
        GatedMlp mlp = new GatedMlpCpu(backend);
        ExpertRouter router = new ExpertRouterCpu(backend);
        ExpertMixture mixture = new ExpertMixtureCpu(backend, new ExpertMixtureInTwo(experts, mlp));
        return new KernelSet
        {
            Description = $"cpu {backend.InstructionSet}, {backend.Threads} thread{(backend.Threads == 1 ? "" : "s")}",
            Embedding = new EmbeddingLookupCpu(backend),
            GatherRows = new GatherRowsCpu(backend),
            AddRmsNorm = new AddRmsNormCpu(backend),
            PartSum = new PartSumCpu(backend),
            GatedRmsNorm = norm,
            Linear = new LinearCpu(backend),
            RoundedLinear = new RoundedLinearCpu(backend),
            RotaryTable = new RotaryTableCpu(backend),
            PrepareAttention = new PrepareAttentionCpu(backend),
            PagedAttention = new PagedAttentionCpu(backend),
            CausalConvolution = convolution,
            PromptDeltaRule = new ChunkedDeltaRuleCpu(backend),
            GeneratedDeltaRule = rule,
            GeneratedDeltaNet = new GeneratedDeltaNetInThree(convolution, rule, norm),
            ExpertRouter = router,
            GroupedExperts = experts,
            GatedMlp = mlp,
            ExpertMixture = mixture,
            RoutedMixture = new RoutedMixtureInTwo(router, mixture),
            GreedyPick = new GreedyPickCpu(backend),
            RankPicks = new RankPicksReference(),
            AdjustLogits = new AdjustLogitsCpu(backend),
            MaskLogits = new MaskLogitsCpu(backend),
            SampleTokens = new SampleTokensCpu(backend),
            TokenShares = new TokenSharesCpu(backend),
            LogProbabilities = new LogProbabilitiesCpu(backend),
            TopLogProbabilities = new TopLogProbabilitiesCpu(backend),
            StepRows = new StepRowsCpu(),
            Probes = new ProbesCpu(backend),
        };
    }
}
