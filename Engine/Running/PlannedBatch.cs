using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// One step as it is planned. Rows of prompts come first, then generated rows; a segment is one sequence's rows. What a row
/// holds and where it stands may depend on the step before, which need not have ended: <see cref="RowPlacement"/>
/// makes a <see cref="StepBatch"/> of it where the ops run. All views name memory of the <see cref="BatchBuilder"/>.
/// </summary>
internal readonly struct PlannedBatch
{
    /// <summary>i32 [S, 7]: all segments, prompts first (see <see cref="Lean.Kernels.PlannedRows"/>).</summary>
    public required Tensor Planned { get; init; }

    /// <summary>i32 [T]: the tokens, as far as the host knows them.</summary>
    public required Tensor Text { get; init; }

    /// <summary>How many of the segments are prompts'.</summary>
    public required int PromptSegments { get; init; }

    /// <summary>How many of the rows are prompts'.</summary>
    public required int PromptRows { get; init; }

    /// <summary>How many of the output rows are prompts'.</summary>
    public required int PromptOutputs { get; init; }

    /// <summary>i32 [S, M]: the cache blocks of each segment's sequence, as many as the step's furthest position needs.</summary>
    public required Tensor Blocks { get; init; }

    /// <summary>i32 [R]: the rows whose logits are wanted.</summary>
    public required Tensor OutputRows { get; init; }

    /// <summary>i32 [R]: whose segments' rows they are; empty in a step without prompts, which goes on with all rows.</summary>
    public Tensor OutputSegments { get; init; }

    /// <summary>i32 [E, 3]: the sequences that get tokens (see <see cref="Lean.Kernels.StepRows.AcceptDrafts"/>).</summary>
    public required Tensor Entries { get; init; }

    /// <summary>i32 [T]: the token behind each row, or which output chooses it (see <see cref="Lean.Kernels.StepRows.FollowRows"/>); unset where the MTP head does not draft.</summary>
    public Tensor Following { get; init; }

    /// <summary>i32 [D, M]: the cache blocks of the sequences that are drafted for, in the order of entries, the deepest first.</summary>
    public Tensor DraftBlocks { get; init; }

    /// <summary>For how many sequences drafts of each depth are made.</summary>
    public DraftCounts Drafts { get; init; }

    /// <summary>i32 [S, 4]: the segments, those of prompts up to where a recurrent state is kept first; unset where none is.</summary>
    public Tensor StateSegments { get; init; }

    /// <summary>i32 [P, 4]: what follows of prompts behind their first cuts, wave by wave.</summary>
    public Tensor LaterPieces { get; init; }

    /// <summary>Which of those pieces run together, and what is kept after them; null where nothing is.</summary>
    public StateCuts? Cuts { get; init; }

    /// <summary>T.</summary>
    public long Rows => Text.Shape[0];
}
