namespace Lean.Kernels;

/// <summary>The ops that a device has, through the kernels that the build compiled for it.</summary>
public static class DeviceKernelSet
{
    /// <summary>Makes the set that queues on <paramref name="stream"/>.</summary>
    public static KernelSet Create(KernelStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        GatedRmsNorm norm = new GatedRmsNormDevice(stream);
        CausalConvolution convolution = new CausalConvolutionDevice(stream);
        GatedDeltaRule rule = new RecurrentDeltaRuleDevice(stream);
        GroupedExperts experts = new GroupedExpertsDevice(stream);
        GatedMlp mlp = new GatedMlpDevice(stream);
        ExpertRouter router = new ExpertRouterDevice(stream);
        ExpertMixture mixture = new ExpertMixtureDevice(stream, experts, mlp);
        return new KernelSet
        {
            Description = $"{stream.DeviceName} {stream.Device.Description}",
            Stream = stream,
            Embedding = new EmbeddingLookupDevice(stream),
            GatherRows = new GatherRowsDevice(stream),
            AddRmsNorm = new AddRmsNormDevice(stream),
            PartSum = new PartSumDevice(stream),
            GatedRmsNorm = norm,
            Linear = new LinearDevice(stream),
            NormedLinear = new NormedLinearDevice(stream),
            PromptDeltaRule = new ChunkedDeltaRuleDevice(stream),
            GeneratedDeltaRule = rule,
            GeneratedDeltaNet = new GeneratedDeltaNetDevice(stream, new GeneratedDeltaNetInThree(convolution, rule, norm)),
            ExpertRouter = router,
            GroupedExperts = experts,
            GatedMlp = mlp,
            ExpertMixture = mixture,
            RoutedMixture = new RoutedMixtureDevice(stream, new RoutedMixtureInTwo(router, mixture)),
            RotaryTable = new RotaryTableDevice(stream),
            PrepareAttention = new PrepareAttentionDevice(stream),
            PagedAttention = new PagedAttentionDevice(stream),
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
