using Lean.Engine.Models;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>The ops of a model's forward pass at its shapes.</summary>
internal static class OpCatalog
{
    /// <summary>Rows above which a step's rows are a prompt's, where nobody says otherwise.</summary>
    public const int MostGenerated = 256;

    /// <summary>The ops for one number of rows, in the order of a step.</summary>
    /// <param name="config">The model.</param>
    /// <param name="ops">The set that will run them: what it lacks is left out.</param>
    /// <param name="rows">T.</param>
    /// <param name="rowClass">The rows' class.</param>
    /// <param name="contexts">Contexts at which generated rows attend.</param>
    /// <param name="rotation">Bytes of cache that take turns.</param>
    /// <param name="missing">Ops that the set lacks.</param>
    public static IEnumerable<OpBench> Of(
        ModelConfig config, KernelSet ops, int rows, RowClass rowClass, IReadOnlyList<int> contexts, long rotation, out List<string> missing)
    {
        ModelConfig c = config;
        AttentionShape heads = c.AttentionShape;
        DeltaRuleShape delta = c.DeltaRuleShape;
        int projected = delta.Channels + delta.ValueWidth + (2 * delta.ValueHeads), sharedGate = c.SharedWidth > 0 ? 1 : 0;
        DType cache = ops.CacheType;
        bool isPrompt = rowClass == RowClass.Prompt;
        bool isRounded = isPrompt && RoundedLinearBench.Has(ops, projected, 2 * delta.ValueHeads, c.Hidden) && ops.PromptDeltaRule.TakesRounded(delta);
        DType between = isRounded ? DType.BF16 : DType.F32;
        List<Func<OpBench>> all =
        [
            () => new EmbeddingBench(c.Vocabulary, c.Hidden, rows),
            () => new AddRmsNormBench(c.Hidden, rows),
            () => new PartSumBench(c.Hidden, rows),
        ];
        if (c.Mixers.Contains(MixerKind.DeltaNet))
        {
            all.AddRange(
            [
                () => isRounded
                    ? new RoundedLinearBench("in_proj", projected, 2 * delta.ValueHeads, c.Hidden, rows, ops)
                    : new LinearBench("in_proj", projected, c.Hidden, rows, rowClass, given: ops),
                () => new ConvolutionBench(delta.Channels, c.ConvKernel, projected, rows, rowClass, between),
                () => new DeltaRuleBench(delta, rows, rowClass, between),
                () => new GatedRmsNormBench(delta.ValueHeads, delta.ValueDim, rows),
                .. Enumerable.Repeat<Func<OpBench>>(() => new DeltaNetBench(delta, c.ConvKernel, rows), rowClass == RowClass.Generated ? 1 : 0),
                () => isPrompt && RoundedLinearBench.Has(ops, c.Hidden, 0, delta.ValueWidth)
                    ? new RoundedLinearBench("out_proj", c.Hidden, 0, delta.ValueWidth, rows, ops)
                    : new LinearBench("out_proj", c.Hidden, delta.ValueWidth, rows, rowClass, given: ops),
            ]);
        }

        if (c.Mixers.Contains(MixerKind.Attention))
        {
            all.AddRange(
            [
                () => new LinearBench("qkv_proj", heads.ProjectedWidth, c.Hidden, rows, rowClass, given: ops),
                () => new RotaryTableBench(c.Rope.RotaryDim, c.Rope.Theta, rows),
                () => new PrepareAttentionBench(heads, c.Rope.RotaryDim, cache, rows),
                .. contexts.Take(rowClass == RowClass.Prompt ? 1 : contexts.Count)
                    .Select(context => (Func<OpBench>)(() => new AttentionBench(heads, context, cache, rows, rowClass, rotation))),
                () => isPrompt && RoundedLinearBench.Has(ops, c.Hidden, 0, heads.Heads * heads.HeadDim) && ops.PagedAttention.MakesTerms
                    ? new RoundedLinearBench("o_proj", c.Hidden, 0, heads.Heads * heads.HeadDim, rows, ops)
                    : new LinearBench("o_proj", c.Hidden, heads.Heads * heads.HeadDim, rows, rowClass, given: ops, promptsToo: false),
            ]);
        }

        if (c.Experts > 0)
        {
            all.AddRange(
            [
                () => new LinearBench("router", c.Experts + sharedGate, c.Hidden, rows, rowClass, isGate: true, given: rowClass == RowClass.Prompt ? ops : null),
                () => new RouterBench(c.Experts, c.TopK, rows),
                () => new ExpertsBench(ops, c.Hidden, c.ExpertWidth, c.Experts, c.TopK, rows, rowClass),
            ]);
        }

        if (c.SharedWidth > 0)
        {
            all.Add(() => new GatedMlpBench("shared_expert", c.Hidden, c.SharedWidth, shared: true, rows, rowClass, given: ops));
            all.Add(() => new ExpertMixtureBench(ops, c.Hidden, c.ExpertWidth, c.SharedWidth, c.Experts, c.TopK, rows, rowClass));
        }

        if (c.FeedForward > 0)
        {
            all.Add(() => new GatedMlpBench("gated_mlp", c.Hidden, c.FeedForward, shared: false, rows, rowClass, given: ops));
        }

        all.AddRange(
        [
            () => new GatherRowsBench(c.Hidden, rows),
            () => new LinearBench("lm_head", c.Vocabulary, c.Hidden, rows, rowClass, given: ops, promptsToo: false),
            () => new GreedyPickBench(c.Vocabulary, rows),
            () => new MergePicksBench(rows),
        ]);
        missing = [];
        if (Has(() => ops.StepRows, "place_rows", missing))
        {
            all.AddRange(
            [
                () => new PlaceRowsBench(c.Vocabulary, rows),
                () => new AcceptDraftsBench(c.Vocabulary, rows),
                () => new FollowRowsBench(c.Vocabulary, rows),
                () => new PlaceDraftsBench(c.Vocabulary, rows),
                () => new DrawNumbersBench(rows),
            ]);
        }

        if (Has(() => ops.SampleTokens, "sample_tokens", missing))
        {
            all.Add(() => new SampleTokensBench(c.Vocabulary, rows));
        }

        if (Has(() => ops.TopLogProbabilities, "top_log_probabilities", missing))
        {
            all.Add(() => new TopLogProbabilitiesBench(c.Vocabulary, rows));
        }

        if (Has(() => ops.LogProbabilities, "log_probabilities", missing))
        {
            all.Add(() => new LogProbabilitiesBench(c.Vocabulary, rows));
        }

        if (Has(() => ops.AdjustLogits, "adjust_logits", missing))
        {
            all.Add(() => new AdjustLogitsBench(c.Vocabulary, rows));
        }

        if (Has(() => ops.MaskLogits, "mask_logits", missing))
        {
            all.Add(() => new MaskLogitsBench(c.Vocabulary, rows));
        }

        return all.Select(static make => make());
    }

    // A set answers for an op that it lacks with an error.
    private static bool Has(Func<object> op, string name, List<string> missing)
    {
        try
        {
            _ = op();
            return true;
        }
        catch (MachineException)
        {
            missing.Add(name);
            return false;
        }
    }
}
