using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// One implementation of every op, for one device. Models hold a set and call its ops; which implementation stands
/// behind each was decided when the set was made, at load. A device that lacks an op says so when it is asked for: no op
/// runs elsewhere instead.
/// </summary>
public sealed class KernelSet
{
    private static readonly IStream s_host = CpuDevice.Shared.CreateStream();

    /// <summary>What the ops run on, such as "cpu avx512, 2 threads".</summary>
    public required string Description { get; init; }

    /// <summary>Where the ops are queued, or null on the host, where an op is done when its call returns.</summary>
    public KernelStream? Stream { get; init; }

    /// <summary>Where the memory lies that the ops read and write.</summary>
    public IDevice Device => (IDevice?)Stream?.Device ?? CpuDevice.Shared;

    /// <summary>Copies to, from and on the device, in one order with the ops.</summary>
    public IStream Queue => Stream ?? s_host;

    /// <summary>The element type of the KV cache.</summary>
    public DType CacheType => PrepareAttention.CacheType;

    /// <summary>What products with bf16 weights take of their rows: f32, or bf16 (<c>--activations</c>); what else is rounded then: <see cref="RoundedActivations"/>.</summary>
    public DType Activations { get; init => field = RoundedActivations.Check(value); } = DType.F32;

    /// <summary>Token embedding.</summary>
    public EmbeddingLookup Embedding { get => field ?? Missing<EmbeddingLookup>("embedding"); init; }

    /// <summary>Row selection.</summary>
    public GatherRows GatherRows { get => field ?? Missing<GatherRows>("gather_rows"); init; }

    /// <summary>Residual add and RMSNorm with 1 + w.</summary>
    public AddRmsNorm AddRmsNorm { get => field ?? Missing<AddRmsNorm>("add_rms_norm"); init; }

    /// <summary>The same with what a prompt's products multiply, or null where the device's take rows as they are: nothing but time depends on it.</summary>
    public NormedTerms? NormedTerms { get; init; }

    /// <summary>Residual add and norm with the sum that is added, where it was left in parts, or null where the device has none: nothing but time depends on it.</summary>
    public SummedNorm? SummedNorm { get; init; }

    /// <summary>Sum over ranks.</summary>
    public PartSum PartSum { get => field ?? Missing<PartSum>("part_sum"); init; }

    /// <summary>RMSNorm of Gated DeltaNet's output with silu(z).</summary>
    public GatedRmsNorm GatedRmsNorm { get => field ?? Missing<GatedRmsNorm>("gated_rms_norm"); init; }

    /// <summary>Matrix product with weights of the checkpoint.</summary>
    public Linear Linear { get => field ?? Missing<Linear>("linear"); init; }

    /// <summary>The same for routers and gates: rows are never rounded but a prompt's on matrix units (<see cref="RoundedActivations"/>).</summary>
    public Linear GateLinear { get => field ?? Linear; init; }

    /// <summary>Matrix product with a copy of weights in eight bits, for drafts; null where drafts take the weights themselves.</summary>
    public EightBitLinear? EightBitLinear { get; init; }

    /// <summary>A norm and the product behind it in one launch, or null where the device has none: nothing but time depends on it.</summary>
    public NormedLinear? NormedLinear { get; init; }

    /// <summary>A norm and the router behind it, whose rows are never rounded; or null.</summary>
    public NormedLinear? NormedGateLinear { get; init; }

    /// <summary>A norm, the router behind it and the choice of experts in one launch, or null where the device has none: nothing but time depends on it.</summary>
    public NormedRouter? NormedRouter { get; init; }

    /// <summary>cos and sin of a step's positions.</summary>
    public RotaryTable RotaryTable { get => field ?? Missing<RotaryTable>("rotary_table"); init; }

    /// <summary>Head norms, RoPE and the write into the KV cache.</summary>
    public PrepareAttention PrepareAttention { get => field ?? Missing<PrepareAttention>("prepare_attention"); init; }

    /// <summary>Attention over the paged cache.</summary>
    public PagedAttention PagedAttention { get => field ?? Missing<PagedAttention>("paged_attention"); init; }

    /// <summary>Gated DeltaNet's convolution.</summary>
    public CausalConvolution CausalConvolution { get => field ?? Missing<CausalConvolution>("causal_convolution"); init; }

    /// <summary>The delta rule for prompt rows: in chunks on the grid.</summary>
    public GatedDeltaRule PromptDeltaRule { get => field ?? Missing<GatedDeltaRule>("gated_delta_rule"); init; }

    /// <summary>The delta rule for generated rows: step by step.</summary>
    public GatedDeltaRule GeneratedDeltaRule { get => field ?? Missing<GatedDeltaRule>("gated_delta_rule"); init; }

    /// <summary>Convolution, delta rule and norm of generated rows.</summary>
    public GeneratedDeltaNet GeneratedDeltaNet { get => field ?? Missing<GeneratedDeltaNet>("generated_delta_net"); init; }

    /// <summary>Softmax and top-k over experts.</summary>
    public ExpertRouter ExpertRouter { get => field ?? Missing<ExpertRouter>("expert_router"); init; }

    /// <summary>Routed experts.</summary>
    public GroupedExperts GroupedExperts { get => field ?? Missing<GroupedExperts>("grouped_experts"); init; }

    /// <summary>Dense MLP and shared expert.</summary>
    public GatedMlp GatedMlp { get => field ?? Missing<GatedMlp>("gated_mlp"); init; }

    /// <summary>Routed experts and the shared one.</summary>
    public ExpertMixture ExpertMixture { get => field ?? Missing<ExpertMixture>("expert_mixture"); init; }

    /// <summary>Greedy choice of a token.</summary>
    public GreedyPick GreedyPick { get => field ?? Missing<GreedyPick>("greedy_pick"); init; }

    /// <summary>Greedy choices of ranks that divide the vocabulary.</summary>
    public RankPicks RankPicks { get => field ?? Missing<RankPicks>("merge_picks"); init; }

    /// <summary>Biases and penalties on logits.</summary>
    public AdjustLogits AdjustLogits { get => field ?? Missing<AdjustLogits>("adjust_logits"); init; }

    /// <summary>Tokens forbidden by a mask.</summary>
    public MaskLogits MaskLogits { get => field ?? Missing<MaskLogits>("mask_logits"); init; }

    /// <summary>Random choice of a token.</summary>
    public SampleTokens SampleTokens { get => field ?? Missing<SampleTokens>("sample_tokens"); init; }

    /// <summary>Parts of a random choice whose logits are divided.</summary>
    public TokenShares TokenShares { get => field ?? Missing<TokenShares>("token_bins"); init; }

    /// <summary>Log-probabilities of chosen tokens.</summary>
    public LogProbabilities LogProbabilities { get => field ?? Missing<LogProbabilities>("log_probabilities"); init; }

    /// <summary>The most likely tokens and their log-probabilities.</summary>
    public TopLogProbabilities TopLogProbabilities { get => field ?? Missing<TopLogProbabilities>("top_log_probabilities"); init; }

    /// <summary>What a step takes from the one before it.</summary>
    public StepRows StepRows { get => field ?? Missing<StepRows>("place_rows"); init; }

    /// <summary>What the device does at best; no part of a model.</summary>
    public Probes Probes { get => field ?? Missing<Probes>("probe"); init; }

    private T Missing<T>(string op) => throw new MachineException($"{Description} has no {op}: this version cannot run the model there");
}
