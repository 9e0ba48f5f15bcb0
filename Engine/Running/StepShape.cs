using System.IO.Hashing;
using System.Runtime.InteropServices;
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

    /// <summary>A number for it, the same on every machine and never 0: the sizes of all parts of a step tell whether two are alike, this tells the rest.</summary>
    public int Number
    {
        get
        {
            Span<long> sizes = stackalloc long[9 + PromptCheck.MostDrafts];
            ((ReadOnlySpan<long>)[Rows, Segments, Blocks, Outputs, Entries, Sampled, Masked, Listed, Alternatives]).CopyTo(sizes);
            for (int depth = 1; depth <= PromptCheck.MostDrafts; depth++)
            {
                sizes[8 + depth] = Drafts.At(depth);
            }

            return (int)XxHash3.HashToUInt64(MemoryMarshal.AsBytes(sizes)) | 1;
        }
    }
}
