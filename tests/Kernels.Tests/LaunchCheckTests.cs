using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Launch checks name the op, the argument, what it is and what was expected. They never touch memory: the tensors here have none.</summary>
public sealed class LaunchCheckTests
{
    private static readonly KernelSet Set = ReferenceKernels.Create();
    private static readonly AttentionShape Heads = new(4, 2, 8);
    private static readonly DeltaRuleShape Delta = new(2, 4, 8, 8);
    private static readonly Tensor F32Scalar = F(1);

    [Fact]
    public void Embedding()
    {
        Refused("embedding", "output", "f32 [T, H] = [3, 8]", () => Set.Embedding.Run(I(3), F(9, 8), F(4, 8)));
        Refused("embedding", "ids", "i32 [T] = [3]", () => Set.Embedding.Run(F(3), F(9, 8), F(3, 8)));
        Refused("embedding", "table", "bf16 or f32", () => Set.Embedding.Run(I(3), Of(DType.F16, new Shape(9, 8)), F(3, 8)));
        Refused("embedding", "output", "contiguous rows, not a row stride of 9", () => Set.Embedding.Run(I(3), F(9, 8), F(3, 9).Columns(0, 8)));
    }

    [Fact]
    public void Gather_rows()
    {
        Refused("gather_rows", "x", "f32 [T, H]", () => Set.GatherRows.Run(I(5, 8), I(3), F(3, 8)));
        Refused("gather_rows", "rows", "i32 [R]", () => Set.GatherRows.Run(F(5, 8), F(3), F(3, 8)));
        Refused("gather_rows", "output", "f32 [R, H] = [3, 8]", () => Set.GatherRows.Run(F(5, 8), I(3), F(5, 8)));
    }

    [Fact]
    public void Add_rms_norm()
    {
        Refused("add_rms_norm", "residual", "f32 [T, H] = [3, 8]", () => Set.AddRmsNorm.Run(F(3, 9), default, F(8), 0, F(3, 8)));
        Refused("add_rms_norm", "residual", "contiguous rows", () => Set.AddRmsNorm.Run(F(3, 9).Columns(0, 8), default, F(8), 0, F(3, 8)));
        Refused("add_rms_norm", "delta", "f32 [T, H] = [3, 8]", () => Set.AddRmsNorm.Run(F(3, 8), F(2, 8), F(8), 0, F(3, 8)));
        Refused("add_rms_norm", "weight", "f32 [H]", () => Set.AddRmsNorm.Run(F(3, 8), default, Of(DType.BF16, new Shape(8)), 0, F(3, 8)));
        Refused("add_rms_norm", "faults", "i32 [T] = [3]", () => Set.AddRmsNorm.Run(F(3, 8), default, F(8), 0, F(3, 8), F(3), 1));
        Refused("add_rms_norm", "faults", "i32 [T] = [3]", () => Set.AddRmsNorm.Run(F(3, 8), default, F(8), 0, F(3, 8), Of(DType.I32, new Shape(2)), 1));
        Refused("add_rms_norm", "", "a place above 0", () => Set.AddRmsNorm.Run(F(3, 8), default, F(8), 0, F(3, 8), Of(DType.I32, new Shape(3)), 0));
        Refused("add_rms_norm", "output", "f32 [T, H] = [3, 8]", () => Set.AddRmsNorm.Run(F(3, 8), default, F(8), 0, default));
    }

    [Fact]
    public void Part_sum()
    {
        Refused("part_sum", "parts", "f32 [P, N] = [3, 8]", () => Set.PartSum.Run(F(3, 9), F(8)));
        Refused("part_sum", "parts", "f32 [P, N]", () => Set.PartSum.Run(F(8), F(8)));
        Refused("part_sum", "", "at least one part", () => Set.PartSum.Run(F(0, 8), F(8)));
        Refused("part_sum", "output", "f32 [N]", () => Set.PartSum.Run(F(3, 8), I(8)));
        Refused("part_sum", "output", "contiguous rows", () => Set.PartSum.Run(F(3, 8), F(2, 6).Columns(0, 4)));
        Refused("part_sum", "", "an output that is a part or apart from all parts", () => { Tensor all = F(4, 8); Set.PartSum.Run(all.Rows(0, 3), new Tensor(DType.F32, new Shape(8), all.Address + 4)); });
    }

    [Fact]
    public void Gated_rms_norm()
    {
        Refused("gated_rms_norm", "z", "f32 [T, N*D] = [3, 16]", () => Set.GatedRmsNorm.Run(F(3, 16), F(3, 8), F(8), 0, F(3, 16)));
        Refused("gated_rms_norm", "", "whole heads in a row", () => Set.GatedRmsNorm.Run(F(3, 16), F(3, 16), F(5), 0, F(3, 16)));
        Refused("gated_rms_norm", "", "0 ≤ earlyRows < T", () => Set.GatedRmsNorm.Run(F(3, 16), F(3, 16), F(8), 0, F(3, 16), earlyRows: 3));
        Refused("gated_rms_norm", "output", "f32 [T, N*D] = [3, 16]", () => Set.GatedRmsNorm.Run(F(3, 16), F(3, 16), F(8), 0, I(3, 16)));
        Refused("gated_rms_norm", "x", "f32 [T, N*D] = [3, 16]", () => Set.GatedRmsNorm.Run(Of(DType.BF16, new Shape(3, 16)), F(3, 16), F(8), 0, F(3, 16)));
    }

    [Fact]
    public void Linear()
    {
        var weight = new LinearWeight(F(6, 8));
        Refused("linear", "x", "f32 [T, K] = [3, 8]", () => Set.Linear.Run(F(3, 7), weight, F(3, 6), 0));
        Refused("linear", "output", "f32 [T, N] = [3, 6]", () => Set.Linear.Run(F(3, 8), weight, F(2, 6), 0));
        Refused("linear", "", "0 ≤ promptRows ≤ T", () => Set.Linear.Run(F(3, 8), weight, F(3, 6), 4));
        Refused("linear", "weight", "bf16 or f32", () => _ = new LinearWeight(I(6, 8)));
        Assert.Contains("f32 [N, 8]", Assert.Throws<ArgumentException>(() => new LinearWeight(F(6, 8), F(6, 7))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rotary_table()
    {
        Refused("rotary_table", "positions", "i32 [T]", () => Set.RotaryTable.Run(F(3), F(4), 1, F(3, 8)));
        Refused("rotary_table", "frequencies", "f32 [R/2]", () => Set.RotaryTable.Run(I(3), I(4), 1, F(3, 8)));
        Refused("rotary_table", "table", "f32 [T, R] = [3, 8]", () => Set.RotaryTable.Run(I(3), F(4), 1, F(3, 4)));
    }

    [Fact]
    public void Prepare_attention()
    {
        Refused("prepare_attention", "projected", "f32 [T, P] = [3, 96]", () => Run(F(3, 95)));
        Refused("prepare_attention", "projected", "contiguous rows, not a row stride of 100", () => Run(F(3, 100).Columns(0, 96)));
        Refused("prepare_attention", "queryNorm", "f32 [D] = [8]", () => Run(F(3, 96), norm: F(9)));
        Refused("prepare_attention", "rotary", "f32 [T, R] = [3, 4]", () => Run(F(3, 96), rotary: F(2, 4)));
        Refused("prepare_attention", "", "an even R of at most D", () => Run(F(3, 96), rotary: F(3, 3)));
        Refused("prepare_attention", "", "an even R of at most D", () => Run(F(3, 96), rotary: F(3, 10)));
        Refused("prepare_attention", "slots", "i32 [T] = [3]", () => Run(F(3, 96), slots: I(2)));
        Refused("prepare_attention", "keys", "[B, KvHeads, D, 64] = [5, 2, 8, 64]", () => Run(F(3, 96), keys: Of(DType.F32, Heads.ValueCache(5))));
        Refused("prepare_attention", "values", "[B, KvHeads, 64, D] = [5, 2, 64, 8]", () => Run(F(3, 96), values: Of(DType.F32, Heads.ValueCache(6))));
        Refused("prepare_attention", "queries", "f32 [T, Heads*D] = [3, 32]", () => Run(F(3, 96), queries: F(3, 16)));

        static void Run(
            Tensor projected, Tensor norm = default, Tensor rotary = default, Tensor slots = default, Tensor keys = default, Tensor values = default, Tensor queries = default) =>
            Set.PrepareAttention.Run(
                Heads, projected, Or(norm, F(8)), F(8), 0, Or(rotary, F(3, 4)), Or(slots, I(3)), Or(keys, Of(DType.F32, Heads.KeyCache(5))),
                Or(values, Of(DType.F32, Heads.ValueCache(5))), Or(queries, F(3, 32)));
    }

    [Fact]
    public void Paged_attention()
    {
        Refused("paged_attention", "queries", "f32 [T, Heads*D] = [3, 32]", () => Run(F(3, 31)));
        Refused("paged_attention", "projected", "f32 [T, P] = [3, 96]", () => Run(F(3, 32), projected: F(3, 32)));
        Refused("paged_attention", "values", "[B, KvHeads, 64, D] = [5, 2, 64, 8]", () => Run(F(3, 32), values: Of(DType.F32, Heads.KeyCache(5))));
        Refused("paged_attention", "segments", "i32 [S, 4] = [2, 4]", () => Run(F(3, 32), segments: I(2, 3)));
        Refused("paged_attention", "blocks", "i32 [S, M] = [2, 6]", () => Run(F(3, 32), blocks: I(1, 6)));
        Refused("paged_attention", "output", "contiguous rows", () => Run(F(3, 32), output: F(3, 40).Columns(0, 32)));
        Refused("paged_attention", "", "0 ≤ promptRows ≤ T", () => Run(F(3, 32), promptRows: 4));
        Refused("paged_attention", "", "terms of prompts' rows or of generated ones alone, on a device that makes them", () => Run(F(3, 32), pieces: F(3, 32)));

        static void Run(
            Tensor queries, Tensor projected = default, Tensor values = default, Tensor segments = default, Tensor blocks = default, Tensor output = default,
            long promptRows = 0, Tensor pieces = default) =>
            Set.PagedAttention.Run(
                Heads, queries, Or(projected, F(3, 96)), Of(DType.F32, Heads.KeyCache(5)), Or(values, Of(DType.F32, Heads.ValueCache(5))),
                Or(segments, I(2, 4)), Or(blocks, I(2, 6)), Or(output, F(3, 32)), promptRows, pieces);
    }

    [Fact]
    public void Causal_convolution()
    {
        Tensor weight = F(6, 4), history = Of(DType.F32, new Shape(5, 3, 6));
        Refused("causal_convolution", "x", "f32 [T, C] = [3, 6]", () => Set.CausalConvolution.Run(F(3, 5), weight, history, I(1, 4), F(3, 6)));
        Refused("causal_convolution", "", "2 to 8 taps", () => Set.CausalConvolution.Run(F(3, 6), F(6, 9), history, I(1, 4), F(3, 6)));
        Refused("causal_convolution", "history", "f32 [slots, W-1, C] = [5, 3, 6]", () => Set.CausalConvolution.Run(F(3, 6), weight, Of(DType.F32, new Shape(5, 4, 6)), I(1, 4), F(3, 6)));
        Refused("causal_convolution", "segments", "i32 [S, 4] = [1, 4]", () => Set.CausalConvolution.Run(F(3, 6), weight, history, F(1, 4), F(3, 6)));
        Refused("causal_convolution", "output", "contiguous rows", () => Set.CausalConvolution.Run(F(3, 6), weight, history, I(1, 4), F(3, 7).Columns(1, 6)));
    }

    [Fact]
    public void Gated_delta_rule()
    {
        foreach (GatedDeltaRule op in (GatedDeltaRule[])[Set.PromptDeltaRule, Set.GeneratedDeltaRule])
        {
            Tensor state = Of(DType.F32, Delta.State(5));
            Refused("gated_delta_rule", "convolved", "f32 [T, C] = [3, 64]", () => op.Run(Delta, Of(DType.BF16, new Shape(3, 64)), F(3, 4), F(3, 4), F(4), F(4), state, I(1, 4), F(3, 32)));
            Refused("gated_delta_rule", "convolved", "f32 [T, C] = [3, 64]", () => op.Run(Delta, F(3, 60), F(3, 4), F(3, 4), F(4), F(4), state, I(1, 4), F(3, 32)));
            Refused("gated_delta_rule", "b", "f32 [T, ValueHeads] = [3, 4]", () => op.Run(Delta, F(3, 64), F(3, 2), F(3, 4), F(4), F(4), state, I(1, 4), F(3, 32)));
            Refused("gated_delta_rule", "decay", "f32 [ValueHeads] = [4]", () => op.Run(Delta, F(3, 64), F(3, 4), F(3, 4), F(2), F(4), state, I(1, 4), F(3, 32)));
            Refused("gated_delta_rule", "state", "[slots, ValueHeads, dk, dv] = [5, 4, 8, 8]", () => op.Run(Delta, F(3, 64), F(3, 4), F(3, 4), F(4), F(4), Of(DType.BF16, Delta.State(5)), I(1, 4), F(3, 32)));
            Refused("gated_delta_rule", "output", "f32 [T, ValueHeads*dv] = [3, 32]", () => op.Run(Delta, F(3, 64), F(3, 4), F(3, 4), F(4), F(4), state, I(1, 4), F(3, 64)));
        }
    }

    [Fact]
    public void Expert_router()
    {
        Refused("expert_router", "logits", "f32 [T, E]", () => Set.ExpertRouter.Run(I(3, 8), true, I(3, 2), F(3, 2)));
        Refused("expert_router", "", "1 ≤ K ≤ E", () => Set.ExpertRouter.Run(F(3, 8), true, I(3, 9), F(3, 9)));
        Refused("expert_router", "experts", "i32 [T, K] = [3, 2]", () => Set.ExpertRouter.Run(F(3, 8), true, F(3, 2), F(3, 2)));
        Refused("expert_router", "weights", "f32 [T, K] = [3, 2]", () => Set.ExpertRouter.Run(F(3, 8), true, I(3, 2), F(3, 3)));
    }

    [Fact]
    public void Grouped_experts()
    {
        var weights = ExpertWeights.Fused(F(5, 12, 8), F(5, 8, 6));
        Refused("grouped_experts", "x", "f32 [T, H] = [3, 8]", () => Set.GroupedExperts.Run(F(3, 6), weights, I(3, 2), F(3, 2), default, F(3, 8), 0));
        Refused("grouped_experts", "experts", "i32 [T, K] = [3, 2]", () => Set.GroupedExperts.Run(F(3, 8), weights, I(4, 2), F(3, 2), default, F(3, 8), 0));
        Refused("grouped_experts", "mix", "f32 [T, K] = [3, 2]", () => Set.GroupedExperts.Run(F(3, 8), weights, I(3, 2), F(3, 1), default, F(3, 8), 0));
        Refused("grouped_experts", "output", "f32 [T, H] = [3, 8]", () => Set.GroupedExperts.Run(F(3, 8), weights, I(3, 2), F(3, 2), default, default, 0));
        Refused("grouped_experts", "", "0 ≤ promptRows ≤ T", () => Set.GroupedExperts.Run(F(3, 8), weights, I(3, 2), F(3, 2), default, F(3, 8), 4));
        Assert.Throws<ArgumentException>(() => ExpertWeights.Fused(F(5, 12, 8), F(5, 8, 7)));
    }

    [Fact]
    public void Expert_mixture()
    {
        var weights = ExpertWeights.Fused(F(5, 12, 8), F(5, 8, 6));
        var shared = new SharedExpert(new LinearWeight(F(8, 8)), new LinearWeight(F(8, 4)));
        Tensor scratch = Of(DType.I8, new Shape(Set.ExpertMixture.ScratchBytes(weights, shared, 3, 2)));
        Refused("expert_mixture", "x", "f32 [T, H] = [3, 8]", () => Set.ExpertMixture.Run(F(3, 6), weights, shared, I(3, 2), F(3, 2), F(3, 1), scratch, F(3, 8), 0));
        Refused("expert_mixture", "", "the shared expert's gate_up [2J, H] and down [H, J]", () => Set.ExpertMixture.Run(F(3, 8), weights, new SharedExpert(shared.GateUp, new LinearWeight(F(8, 3))), I(3, 2), F(3, 2), F(3, 1), scratch, F(3, 8), 0));
        Refused("expert_mixture", "experts", "i32 [T, K] = [3, 2]", () => Set.ExpertMixture.Run(F(3, 8), weights, shared, I(4, 2), F(3, 2), F(3, 1), scratch, F(3, 8), 0));
        Refused("expert_mixture", "mix", "f32 [T, K] = [3, 2]", () => Set.ExpertMixture.Run(F(3, 8), weights, shared, I(3, 2), F(3, 1), F(3, 1), scratch, F(3, 8), 0));
        Refused("expert_mixture", "gateLogit", "f32 [T, 1] = [3, 1]", () => Set.ExpertMixture.Run(F(3, 8), weights, shared, I(3, 2), F(3, 2), F(3, 2), scratch, F(3, 8), 0));
        Refused("expert_mixture", "", "scratch memory for every row", () => Set.ExpertMixture.Run(F(3, 8), weights, shared, I(3, 2), F(3, 2), F(3, 1), scratch.Rows(0, scratch.Shape[0] - 1), F(3, 8), 0));
        Refused("expert_mixture", "output", "f32 [T, H] = [3, 8]", () => Set.ExpertMixture.Run(F(3, 8), weights, shared, I(3, 2), F(3, 2), F(3, 1), scratch, F(3, 7), 0));
        Refused("expert_mixture", "", "0 ≤ promptRows ≤ T", () => Set.ExpertMixture.Run(F(3, 8), weights, shared, I(3, 2), F(3, 2), F(3, 1), scratch, F(3, 8), 4));
    }

    [Fact]
    public void Generated_delta_net()
    {
        Tensor state = Of(DType.F32, Delta.State(5)), history = Of(DType.F32, new Shape(5, 3, 64));
        var weights = new DeltaNetParameters(F(64, 4), F(4), F(4), F(8), 1e-6f);
        var inputs = new DeltaNetInputs(F(3, 64), F(3, 32), F(3, 4), F(3, 4));
        Is("qkv", "f32 [T, C] = [3, 64]", inputs: inputs with { Qkv = F(3, 60) });
        Is("z", "f32 [T, ValueHeads*dv] = [3, 32]", inputs: inputs with { Z = F(3, 31) });
        Is("b", "f32 [T, ValueHeads] = [3, 4]", inputs: inputs with { B = F(2, 4) });
        Is("a", "f32 [T, ValueHeads] = [3, 4]", inputs: inputs with { A = I(3, 4) });
        Is("convolution", "f32 [C, W] = [64, 4]", weights with { Convolution = F(60, 4) });
        Is("decay", "f32 [ValueHeads] = [4]", weights with { Decay = F(3) });
        Is("norm", "f32 [dv] = [8]", weights with { Norm = F(9) });
        Is("history", "f32 [slots, W-1, C] = [5, 3, 64]", past: Of(DType.F32, new Shape(4, 3, 64)));
        Is("segments", "i32 [S, 4] = [1, 4]", segments: F(1, 4));
        Is("output", "f32 [T, ValueHeads*dv] = [3, 32]", output: F(3, 33));
        Is("", "0 ≤ promptRows ≤ T", prompts: 4);
        Is("", "pieces of generated rows alone, on a device that makes them", pieces: F(3, 32));

        void Is(
            string argument, string expected, DeltaNetParameters? other = null, DeltaNetInputs? inputs = null, Tensor past = default, Tensor segments = default,
            Tensor output = default, long prompts = 0, Tensor pieces = default) =>
            Refused("generated_delta_net", argument, expected, () => Set.GeneratedDeltaNet.Run(
                Delta, other ?? weights, inputs ?? new DeltaNetInputs(F(3, 64), F(3, 32), F(3, 4), F(3, 4)), Or(past, history), state, Or(segments, I(1, 4)), F(3, 64),
                Or(output, F(3, 32)), prompts, settled: false, pieces));
    }

    [Fact]
    public void Gated_mlp()
    {
        LinearWeight gateUp = new(F(12, 8)), down = new(F(8, 6));
        Refused("gated_mlp", "x", "f32 [T, H] = [3, 8]", () => Set.GatedMlp.Run(F(3, 6), gateUp, down, default, default, F(3, 12), F(3, 8), 0));
        Refused("gated_mlp", "", "gate_up [2I, H] and down [H, I]", () => Set.GatedMlp.Run(F(3, 8), gateUp, new LinearWeight(F(8, 7)), default, default, F(3, 12), F(3, 8), 0));
        Refused("gated_mlp", "gateLogit", "f32 [T, 1] = [3, 1]", () => Set.GatedMlp.Run(F(3, 8), gateUp, down, F32Scalar, default, F(3, 12), F(3, 8), 0));
        Refused("gated_mlp", "add", "f32 [T, H] = [3, 8]", () => Set.GatedMlp.Run(F(3, 8), gateUp, down, default, F(1, 8), F(3, 12), F(3, 8), 0));
        Refused("gated_mlp", "scratch", "f32 [T, 2I] = [3, 12]", () => Set.GatedMlp.Run(F(3, 8), gateUp, down, default, default, F(3, 6), F(3, 8), 0));
        Refused("gated_mlp", "output", "contiguous rows", () => Set.GatedMlp.Run(F(3, 8), gateUp, down, default, default, F(3, 12), F(3, 9).Columns(0, 8), 0));
        Refused("gated_mlp", "", "0 ≤ promptRows ≤ T", () => Set.GatedMlp.Run(F(3, 8), gateUp, down, default, default, F(3, 12), F(3, 8), -1));
    }

    [Fact]
    public void Rank_picks()
    {
        Refused("pack_picks", "logits", "contiguous rows", () => Set.RankPicks.Pack(F(3, 9).Columns(0, 8), I(3), F(3), 0, I(3, 3)));
        Refused("pack_picks", "tokens", "i32 [R] = [3]", () => Set.RankPicks.Pack(F(3, 8), I(2), F(3), 0, I(3, 3)));
        Refused("pack_picks", "logProbabilities", "f32 [R] = [3]", () => Set.RankPicks.Pack(F(3, 8), I(3), I(3), 0, I(3, 3)));
        Refused("pack_picks", "picks", "i32 [R, 3] = [3, 3]", () => Set.RankPicks.Pack(F(3, 8), I(3), F(3), 0, I(3, 4)));
        Refused("merge_picks", "picks", "i32 [P*R, 3] = [6, 3]", () => Set.RankPicks.Merge(I(6, 2), I(3), F(3)));
        Refused("merge_picks", "", "as many picks of each rank as tokens", () => Set.RankPicks.Merge(I(7, 3), I(3), F(3)));
        Refused("merge_picks", "logProbabilities", "f32 [R] = [3]", () => Set.RankPicks.Merge(I(6, 3), I(3), F(4)));
    }

    [Fact]
    public void Greedy_pick()
    {
        Refused("greedy_pick", "logits", "contiguous rows", () => Set.GreedyPick.Run(F(3, 9).Columns(0, 8), I(3), F(3)));
        Refused("greedy_pick", "tokens", "i32 [R] = [3]", () => Set.GreedyPick.Run(F(3, 8), F(3), F(3)));
        Refused("greedy_pick", "logProbabilities", "f32 [R] = [3]", () => Set.GreedyPick.Run(F(3, 8), I(3), F(2)));
    }

    [Fact]
    public void Adjust_logits()
    {
        Refused("adjust_logits", "logits", "f32 [R, V]", () => Run(I(3, 8)));
        Refused("adjust_logits", "biasStarts", "i32 [R+1] = [4]", () => Run(F(3, 8), biasStarts: I(3)));
        Refused("adjust_logits", "biases", "f32 [B] = [5]", () => Run(F(3, 8), biases: F(4)));
        Refused("adjust_logits", "seenStarts", "i32 [R+1] = [4]", () => Run(F(3, 8), seenStarts: F(4)));
        Refused("adjust_logits", "seen", "i32 [S, 2] = [6, 2]", () => Run(F(3, 8), seen: I(6, 3)));
        Refused("adjust_logits", "penalties", "f32 [R, 3] = [3, 3]", () => Run(F(3, 8), penalties: F(3, 2)));

        static void Run(Tensor logits, Tensor biasStarts = default, Tensor biases = default, Tensor seenStarts = default, Tensor seen = default, Tensor penalties = default) =>
            Set.AdjustLogits.Run(logits, new LogitAdjustments
            {
                BiasStarts = Or(biasStarts, I(4)),
                Biased = I(5),
                Biases = Or(biases, F(5)),
                SeenStarts = Or(seenStarts, I(4)),
                Seen = Or(seen, I(6, 2)),
                Penalties = Or(penalties, F(3, 3)),
            });
    }

    [Fact]
    public void Mask_logits()
    {
        Refused("mask_logits", "logits", "f32 [R, V]", () => Set.MaskLogits.Run(I(3, 40), I(2), I(2, 2)));
        Refused("mask_logits", "rows", "i32 [M] = [2]", () => Set.MaskLogits.Run(F(3, 40), F(2), I(2, 2)));
        Refused("mask_logits", "masks", "i32 [M, ⌈V/32⌉] = [2, 2]", () => Set.MaskLogits.Run(F(3, 40), I(2), I(2, 1)));
    }

    [Fact]
    public void Sample_tokens()
    {
        Refused("sample_tokens", "logits", "contiguous rows", () => Set.SampleTokens.Run(F(3, 9).Columns(0, 8), I(3), F(3, 3), I(3), I(3, 2), I(5)));
        Refused("sample_tokens", "", "1 ≤ V ≤ 2^24", () => Set.SampleTokens.Run(F(3, (1 << 24) + 1), I(3), F(3, 3), I(3), I(3, 2), I(5)));
        Refused("sample_tokens", "rows", "i32 [S] = [3]", () => Set.SampleTokens.Run(F(3, 8), I(2), F(3, 3), I(3), I(3, 2), I(5)));
        Refused("sample_tokens", "settings", "f32 [S, 3] = [3, 3]", () => Set.SampleTokens.Run(F(3, 8), I(3), F(3, 4), I(3), I(3, 2), I(5)));
        Refused("sample_tokens", "topK", "i32 [S] = [3]", () => Set.SampleTokens.Run(F(3, 8), I(3), F(3, 3), F(3), I(3, 2), I(5)));
        Refused("sample_tokens", "draws", "i32 [S, 2] = [3, 2]", () => Set.SampleTokens.Run(F(3, 8), I(3), F(3, 3), I(3), I(3, 1), I(5)));
        Refused("sample_tokens", "tokens", "i32 [R] = [5]", () => Set.SampleTokens.Run(F(3, 8), I(3), F(3, 3), I(3), I(3, 2), F(5)));
    }

    [Fact]
    public void Token_shares()
    {
        Refused("token_bins", "logits", "contiguous rows", () => Set.TokenShares.RunBins(F(3, 9).Columns(0, 8), I(2), F(2, 2), I(2), 0, 16, L(2, 256, 2)));
        Refused("token_bins", "", "1 ≤ V′ ≤ V ≤ 2^24", () => Set.TokenShares.RunBins(F(3, 8), I(2), F(2, 2), I(2), 0, 7, L(2, 256, 2)));
        Refused("token_bins", "settings", "f32 [n, 2] = [2, 2]", () => Set.TokenShares.RunBins(F(3, 8), I(2), F(2, 3), I(2), 0, 16, L(2, 256, 2)));
        Refused("token_bins", "prefixes", "i32 [n] = [2]", () => Set.TokenShares.RunBins(F(3, 8), I(2), F(2, 2), I(1), 0, 16, L(2, 256, 2)));
        Refused("token_bins", "", "a digit of 0 to 3", () => Set.TokenShares.RunBins(F(3, 8), I(2), F(2, 2), I(2), 4, 16, L(2, 256, 2)));
        Refused("token_bins", "bins", "i64 [n, 256, 2] = [2, 256, 2]", () => Set.TokenShares.RunBins(F(3, 8), I(2), F(2, 2), I(2), 0, 16, L(2, 255, 2)));
        Refused("token_sums", "cuts", "f32 [n, 2] = [2, 2]", () => Set.TokenShares.RunSums(F(3, 8), I(2), F(2, 2), F(2, 1), 16, L(2, 2)));
        Refused("token_sums", "sums", "i64 [n, 2] = [2, 2]", () => Set.TokenShares.RunSums(F(3, 8), I(2), F(2, 2), F(2, 2), 16, L(2, 1)));
        Refused("draw_token", "ties", "i32 [n] = [2]", () => Set.TokenShares.RunDraw(F(3, 8), I(2), F(2, 2), F(2, 2), I(3), L(2), 16, I(2)));
        Refused("draw_token", "targets", "i64 [n] = [2]", () => Set.TokenShares.RunDraw(F(3, 8), I(2), F(2, 2), F(2, 2), I(2), L(3), 16, I(2)));
        Refused("draw_token", "tokens", "i32 [n] = [2]", () => Set.TokenShares.RunDraw(F(3, 8), I(2), F(2, 2), F(2, 2), I(2), L(2), 16, I(3)));
    }

    [Fact]
    public void Log_probabilities()
    {
        Refused("log_probabilities", "best", "i32 [R] = [3]", () => Set.LogProbabilities.Run(F(3, 8), I(2), I(3), F(3)));
        Refused("log_probabilities", "tokens", "i32 [R] = [3]", () => Set.LogProbabilities.Run(F(3, 8), I(3), F(3), F(3)));
        Refused("log_probabilities", "values", "f32 [R] = [3]", () => Set.LogProbabilities.Run(F(3, 8), I(3), I(3), F(4)));
        Refused("top_log_probabilities", "", "1 ≤ K ≤ V", () => Set.TopLogProbabilities.Run(F(3, 8), I(2), I(3), F(3), I(2, 9), F(2, 9)));
        Refused("top_log_probabilities", "bestValues", "f32 [R] = [3]", () => Set.TopLogProbabilities.Run(F(3, 8), I(2), I(3), F(2), I(2, 5), F(2, 5)));
        Refused("top_log_probabilities", "tokens", "i32 [A, K] = [2, 5]", () => Set.TopLogProbabilities.Run(F(3, 8), I(2), I(3), F(3), I(3, 5), F(2, 5)));
        Refused("top_log_probabilities", "values", "f32 [A, K] = [2, 5]", () => Set.TopLogProbabilities.Run(F(3, 8), I(2), I(3), F(3), I(2, 5), F(2, 4)));
    }

    private static void Refused(string op, string argument, string expectation, Action run)
    {
        string message = Assert.Throws<LaunchException>(run).Message;
        Assert.StartsWith(argument.Length > 0 ? $"{op}: '{argument}' is " : $"{op}: expected ", message, StringComparison.Ordinal);
        Assert.Contains(expectation, message, StringComparison.Ordinal);
    }

    // An address that nothing may read.
    private static Tensor Of(DType type, Shape shape) => new(type, shape, 64);

    private static Tensor F(params long[] extents) => Of(DType.F32, Shape.Of(extents));

    private static Tensor I(params long[] extents) => Of(DType.I32, Shape.Of(extents));

    private static Tensor L(params long[] extents) => Of(DType.I64, Shape.Of(extents));

    private static Tensor Or(Tensor given, Tensor usual) => given.IsEmpty ? usual : given;
}
