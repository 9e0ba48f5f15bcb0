using Lean.Engine.Sampling;

namespace Lean.Engine.Running;

/// <summary>What the launches of a decode step depend on, beside addresses.</summary>
/// <param name="Rows">Generated rows.</param>
/// <param name="Segments">Sequences.</param>
/// <param name="Blocks">Columns of the table of cache blocks.</param>
/// <param name="Outputs">Rows whose token is chosen.</param>
/// <param name="Entries">Sequences that get tokens: with replays and drafts together, neither follows from the other.</param>
/// <param name="Sampled">Rows whose token is drawn.</param>
/// <param name="Masked">Rows of which only some tokens are allowed.</param>
/// <param name="Listed">Rows whose most likely tokens are listed.</param>
/// <param name="Alternatives">How many are listed.</param>
/// <param name="Drafts">For how many sequences drafts are made.</param>
internal readonly record struct StepShape(
    long Rows, long Segments, long Blocks, long Outputs, long Entries, int Sampled, int Masked, int Listed, int Alternatives, DraftCounts Drafts)
{
    /// <summary>The shape of a step that always queues the same work, or null: prompts are cut anew each time, and adjustments grow with the text.</summary>
    public static StepShape? Of(in PlannedBatch batch, in SamplingRows sampling) => batch.PromptRows > 0 || sampling.Adjusts
        ? null
        : new StepShape(
            batch.Rows, batch.Planned.Shape[0], batch.Blocks.Shape[1], batch.OutputRows.Shape[0], batch.Entries.Shape[0], sampling.Count,
            sampling.MaskedCount, sampling.ListedCount, sampling.Alternatives, batch.Drafts);
}
