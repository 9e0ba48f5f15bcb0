namespace Lean.Kernels;

/// <summary>The ops that a device has, through the kernels that the build compiled for it.</summary>
public static class DeviceKernelSet
{
    /// <summary>Makes the set that queues on <paramref name="stream"/>.</summary>
    public static KernelSet Create(KernelStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new KernelSet
        {
            Description = $"{stream.DeviceName} {stream.Device.Description}",
            Stream = stream,
            Embedding = new EmbeddingLookupDevice(stream),
            GatherRows = new GatherRowsDevice(stream),
            AddRmsNorm = new AddRmsNormDevice(stream),
            GatedRmsNorm = new GatedRmsNormDevice(stream),
            Linear = new LinearDevice(stream),
            PromptDeltaRule = new ChunkedDeltaRuleDevice(stream),
            GeneratedDeltaRule = new RecurrentDeltaRuleDevice(stream),
            ExpertRouter = new ExpertRouterDevice(stream),
            GroupedExperts = new GroupedExpertsDevice(stream),
            GatedMlp = new GatedMlpDevice(stream),
            RotaryTable = new RotaryTableDevice(stream),
            PrepareAttention = new PrepareAttentionDevice(stream),
            PagedAttention = new PagedAttentionDevice(stream),
            CausalConvolution = new CausalConvolutionDevice(stream),
            GreedyPick = new GreedyPickDevice(stream),
            AdjustLogits = new AdjustLogitsDevice(stream),
            SampleTokens = new SampleTokensDevice(stream),
            LogProbabilities = new LogProbabilitiesDevice(stream),
            TopLogProbabilities = new TopLogProbabilitiesDevice(stream),
            Probes = new ProbesDevice(stream),
        };
    }
}
