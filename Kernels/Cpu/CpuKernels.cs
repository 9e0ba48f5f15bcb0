namespace Lean.Kernels;

/// <summary>The CPU's ops.</summary>
public static class CpuKernels
{
    /// <summary>Makes the set that launches on <paramref name="backend"/>.</summary>
    public static KernelSet Create(CpuBackend backend) => new()
    {
        Description = $"cpu {backend.InstructionSet}, {backend.Threads} thread{(backend.Threads == 1 ? "" : "s")}",
        Embedding = new EmbeddingLookupCpu(backend),
        GatherRows = new GatherRowsCpu(backend),
        AddRmsNorm = new AddRmsNormCpu(backend),
        GatedRmsNorm = new GatedRmsNormCpu(backend),
        Linear = new LinearCpu(backend),
        RotaryTable = new RotaryTableCpu(backend),
        PrepareAttention = new PrepareAttentionCpu(backend),
        PagedAttention = new PagedAttentionCpu(backend),
        CausalConvolution = new CausalConvolutionCpu(backend),
        PromptDeltaRule = new ChunkedDeltaRuleCpu(backend),
        GeneratedDeltaRule = new RecurrentDeltaRuleCpu(backend),
        ExpertRouter = new ExpertRouterCpu(backend),
        GroupedExperts = new GroupedExpertsCpu(backend),
        GatedMlp = new GatedMlpCpu(backend),
        GreedyPick = new GreedyPickCpu(backend),
        AdjustLogits = new AdjustLogitsCpu(backend),
        SampleTokens = new SampleTokensCpu(backend),
        LogProbabilities = new LogProbabilitiesCpu(backend),
        TopLogProbabilities = new TopLogProbabilitiesCpu(backend),
        Probes = new ProbesCpu(backend),
    };
}
