using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The ops that a device has, through the kernels that the build compiled for it.</summary>
public static class DeviceKernelSet
{
    /// <summary>Makes the set that queues on <paramref name="stream"/>.</summary>
    /// <param name="stream">The device.</param>
    /// <param name="activations">What products with bf16 weights take of their rows, f32 or bf16.</param>
    public static KernelSet Create(KernelStream stream, DType activations = DType.F32)
    {
        ArgumentNullException.ThrowIfNull(stream);
        AddRmsNormDevice addNorm = new(stream);
        GatedRmsNorm norm = new GatedRmsNormDevice(stream, activations);
        CausalConvolution convolution = new CausalConvolutionDevice(stream);
        GatedDeltaRule rule = new RecurrentDeltaRuleDevice(stream);
        GroupedExpertsDevice experts = new(stream, activations);
        GatedMlp mlp = new GatedMlpDevice(stream, activations);
        return new KernelSet
        {
            Description = RoundedActivations.Describe($"{stream.DeviceName} {stream.Device.Description}", activations),
            Activations = activations,
            Stream = stream,
            Embedding = new EmbeddingLookupDevice(stream),
            GatherRows = new GatherRowsDevice(stream),
            AddRmsNorm = addNorm,
            NormedTerms = stream.MatrixUnits == MatrixUnits.None ? null : new NormedTermsDevice(stream, addNorm, activations),
            SummedNorm = stream.MatrixUnits == MatrixUnits.WarpGroup ? new SummedNormDevice(stream, addNorm, activations == DType.BF16) : null,
            PartSum = new PartSumDevice(stream),
            GatedRmsNorm = norm,
            Linear = new LinearDevice(stream, activations),
            GateLinear = new LinearDevice(stream, prompts: activations, DType.F32),
            NormedLinear = new NormedLinearDevice(stream, activations),
            NormedGateLinear = new NormedLinearDevice(stream, DType.F32),
            NormedRouter = stream.MatrixUnits == MatrixUnits.WarpGroup ? new NormedRouterDevice(stream) : null,
            PromptDeltaRule = new ChunkedDeltaRuleDevice(stream, activations),
            GeneratedDeltaRule = rule,
            GeneratedDeltaNet = new GeneratedDeltaNetDevice(stream, new GeneratedDeltaNetInThree(convolution, rule, norm), activations),
            ExpertRouter = new ExpertRouterDevice(stream),
            GroupedExperts = experts,
            GatedMlp = mlp,
            ExpertMixture = new ExpertMixtureDevice(stream, activations, experts, mlp),
            RotaryTable = new RotaryTableDevice(stream),
            PrepareAttention = new PrepareAttentionDevice(stream),
            PagedAttention = new PagedAttentionDevice(stream, activations),
            CausalConvolution = convolution,
            GreedyPick = new GreedyPickDevice(stream),
            RankPicks = new RankPicksDevice(stream),
            AdjustLogits = new AdjustLogitsDevice(stream),
            MaskLogits = new MaskLogitsDevice(stream),
            SampleTokens = new SampleTokensDevice(stream),
            LogProbabilities = new LogProbabilitiesDevice(stream),
            TopLogProbabilities = new TopLogProbabilitiesDevice(stream),
            StepRows = new StepRowsDevice(stream),
            Probes = new ProbesDevice(stream),
        };
    }
}
