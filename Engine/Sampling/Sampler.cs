using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Sampling;

/// <summary>Chooses a step's tokens from its logits. A step in which all is greedy runs one op.</summary>
/// <param name="ops">The ops.</param>
/// <param name="peers">The ranks that hold the other tokens' logits, or null where this one holds all.</param>
internal sealed class Sampler(KernelSet ops, IVocabularyPeers? peers = null)
{
    private readonly DividedSampler? _divided = peers is null ? null : new DividedSampler(ops, peers);

    /// <summary>Chooses a token for each row. Ranks that divide the vocabulary call it together, also with no rows.</summary>
    /// <param name="logits">f32 [R, V of the rank]; stays as it is, since log-probabilities are those of the model, not of the filters.</param>
    /// <param name="rows">Which rows are sampled, and how.</param>
    /// <param name="positions">i32 [T]: the positions of the step's rows.</param>
    /// <param name="arena">Memory for what is used here alone.</param>
    /// <param name="results">Holds the result.</param>
    public StepOutput Choose(Tensor logits, in SamplingRows rows, Tensor positions, Arena arena, ResultRoom results)
    {
        if (_divided is not null)
        {
            return _divided.Choose(logits, rows, positions, arena, results);
        }

        long vocabulary = logits.Shape[1];
        var outputs = new Shape(logits.Shape[0]);
        Tensor tokens = results.I32(outputs), values = results.F32(outputs), best = rows.Count == 0 ? tokens : arena.Like(tokens);
        ops.GreedyPick.Run(logits, best, values);
        Tensor listed = default, listedValues = default;
        if (rows.ListedCount > 0)
        {
            long alternatives = long.Min(rows.Alternatives, vocabulary);
            var lists = new Shape(rows.ListedCount, alternatives);
            (listed, listedValues) = (results.I32(lists), results.F32(lists));
            ops.TopLogProbabilities.Run(logits, rows.Listed, best, values, listed, listedValues);
        }

        if (rows.Count > 0)
        {
            ops.Queue.CopyOnDevice(best, tokens);
            Tensor changed = logits;
            if (rows.Adjusts || rows.MaskedCount > 0 || rows.Count < outputs.Count)
            {
                changed = arena.F32(rows.Count, vocabulary);
                ops.GatherRows.Run(logits, rows.Rows, changed);
            }

            if (rows.Adjusts)
            {
                ops.AdjustLogits.Run(changed, rows.Adjustments);
            }

            if (rows.MaskedCount > 0)
            {
                ops.MaskLogits.Run(changed, rows.Masked, rows.Masks);
            }

            Tensor draws = arena.I32(rows.Count, SampleTokens.DrawColumns);
            ops.StepRows.DrawNumbers(rows.Seeds, rows.TokenRows, positions, draws);
            ops.SampleTokens.Run(changed, rows.Rows, rows.Settings, rows.TopK, draws, tokens);
            ops.LogProbabilities.Run(logits, best, tokens, values);
        }

        return new StepOutput { Tokens = tokens, LogProbabilities = values, Listed = listed, ListedValues = listedValues };
    }
}
