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
            OutputSegments = planned.OutputSegments,
            StateSegments = planned.Cuts is null ? rows.Segments : planned.StateSegments,
            LaterPieces = planned.LaterPieces,
            Cuts = planned.Cuts,
        };

        Tensor Vector() => arena.I32(count, 1).Reshape(new Shape(count));
    }

    /// <summary>Makes a batch of the output rows alone, each a segment of its own.</summary>
    /// <param name="ops">The ops.</param>
    /// <param name="batch">The step, of whose rows they are at most half.</param>
    /// <param name="vocabulary">Ids of the model.</param>
    /// <param name="arena">Holds the rows.</param>
    public static StepBatch Outputs(KernelSet ops, in StepBatch batch, int vocabulary, Arena arena)
    {
        long count = batch.OutputRows.Shape.Count, width = batch.Blocks.Shape[1];
        Tensor blocks = arena.I32(count, width);

        // Moved as they are, whatever their type.
        ops.GatherRows.Run(new Tensor(DType.F32, batch.Blocks.Shape, batch.Blocks.Address), batch.OutputSegments, new Tensor(DType.F32, blocks.Shape, blocks.Address));
        var rows = new DraftRows(Vector(), Vector(), Vector(), arena.I32(count, Segments.Columns));

        // As if drafts began there, whose tokens are any two rows' for each: nobody reads them.
        ops.StepRows.PlaceDrafts(batch.OutputRows, batch.Positions, new Tensor(DType.I32, new Shape(2, count), batch.Tokens.Address), blocks, depth: 0, vocabulary, rows);
        return batch.OfOutputs() with
        {
            Tokens = rows.Tokens,
            Positions = rows.Positions,
            CacheSlots = rows.CacheSlots,
            Segments = rows.Segments,
            PromptSegments = batch.PromptOutputs,
            Blocks = blocks,
        };

        Tensor Vector() => arena.I32(count, 1).Reshape(new Shape(count));
    }
}
