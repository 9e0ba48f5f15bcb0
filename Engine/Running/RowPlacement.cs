using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>Makes rows of what was planned.</summary>
internal static class RowPlacement
{
    /// <summary>Queues it.</summary>
    /// <param name="ops">The ops.</param>
    /// <param name="planned">The step, where the ops run.</param>
    /// <param name="outcome">i32 [1 + L, N]: what the step before came to; unset where no row depends on it.</param>
    /// <param name="vocabulary">Ids of the model.</param>
    /// <param name="arena">Holds the rows.</param>
    public static StepBatch Place(KernelSet ops, in PlannedBatch planned, Tensor outcome, int vocabulary, Arena arena)
    {
        long segments = planned.Planned.Shape[0], count = planned.Rows;
        var rows = new PlacedRows(
            Vector(), Vector(), Vector(), arena.I32(segments, Segments.Columns), arena.I32(segments, Segments.VersionedColumns));
        ops.StepRows.PlaceRows(planned.Planned, planned.Text, planned.Blocks, outcome.IsEmpty ? arena.I32(2, 1) : outcome, vocabulary, rows);
        return new StepBatch
        {
            Tokens = rows.Tokens,
            Positions = rows.Positions,
            CacheSlots = rows.CacheSlots,
            Segments = rows.Segments,
            States = rows.States,
            PromptSegments = planned.PromptSegments,
            PromptRows = planned.PromptRows,
            PromptOutputs = planned.PromptOutputs,
            Blocks = planned.Blocks,
            OutputRows = planned.OutputRows,
            StateSegments = planned.Cuts is null ? rows.Segments : planned.StateSegments,
            LaterPieces = planned.LaterPieces,
            Cuts = planned.Cuts,
        };

        Tensor Vector() => arena.I32(count, 1).Reshape(new Shape(count));
    }
}
