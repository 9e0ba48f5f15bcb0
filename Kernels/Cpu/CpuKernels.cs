using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The CPU's ops.</summary>
public static class CpuKernels
{
    /// <summary>Makes the set that launches on <paramref name="backend"/>.</summary>
    /// <param name="backend">Instruction set and threads.</param>
    /// <param name="activations">What products with bf16 weights take of their rows, f32 or bf16.</param>
    public static KernelSet Create(CpuBackend backend, DType activations = DType.F32)
    {
        GroupedExperts experts = new GroupedExpertsCpu(backend, activations);
        GatedMlp mlp = new GatedMlpCpu(backend, activations);
        return new KernelSet
        {
            Description = RoundedActivations.Describe($"cpu {backend.InstructionSet}, {backend.Threads} thread{(backend.Threads == 1 ? "" : "s")}", activations),
            Activations = activations,
            Embedding = new EmbeddingLookupCpu(backend),
            GatherRows = new GatherRowsCpu(backend),
            AddRmsNorm = new AddRmsNormCpu(backend),
            PartSum = new PartSumCpu(backend),
            GatedRmsNorm = new GatedRmsNormCpu(backend),
            Linear = new LinearCpu(backend, activations),
            GateLinear = new LinearCpu(backend, DType.F32),
            EightBitLinear = new EightBitLinearCpu(backend),
            RotaryTable = new RotaryTableCpu(backend),
            PrepareAttention = new PrepareAttentionCpu(backend),
            PagedAttention = new PagedAttentionCpu(backend),
            CausalConvolution = new CausalConvolutionCpu(backend),
            PromptDeltaRule = new ChunkedDeltaRuleCpu(backend),
            GeneratedDeltaRule = new RecurrentDeltaRuleCpu(backend),
            GeneratedDeltaNet = new GeneratedDeltaNetCpu(backend),
            ExpertRouter = new ExpertRouterCpu(backend),
            GroupedExperts = experts,
            GatedMlp = mlp,
            ExpertMixture = new ExpertMixtureCpu(backend, activations, new ExpertMixtureInTwo(experts, mlp)),
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
