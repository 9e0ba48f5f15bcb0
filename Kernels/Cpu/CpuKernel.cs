namespace Lean.Kernels;

/// <summary>The kernel bodies of the CPU, by number: a body and its arguments cross into the kernel library this way.</summary>
internal enum CpuKernel
{
    Embedding,
    GatherRows,
    AddRmsNorm,
    GatedRmsNorm,
    Linear,
    RotaryTable,
    PrepareAttention,
    PagedAttention,
    CausalConvolution,
    ChunkedDeltaRule,
    RecurrentDeltaRule,
    ExpertRouter,
    ExpertsGateUp,
    ExpertsDown,
    ExpertsCombine,
    SiluMultiply,
    GreedyPick,
    AdjustLogits,
    SampleTokens,
    LogProbabilities,
    TopLogProbabilities,
    MaskLogits,
    TokenBins,
    TokenSums,
    DrawToken,
    Probe,
    PartSum,
}
