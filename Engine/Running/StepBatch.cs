using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// One step as ops see it. Rows of prompts come first, then generated rows; a segment is one sequence's rows.
/// All views hold until the next step begins.
/// </summary>
internal readonly struct StepBatch
{
    /// <summary>i32 [T]: the tokens.</summary>
    public required Tensor Tokens { get; init; }

    /// <summary>i32 [T]: absolute positions.</summary>
    public required Tensor Positions { get; init; }

    /// <summary>i32 [T]: where each row's key and value go in the paged cache.</summary>
    public required Tensor CacheSlots { get; init; }

    /// <summary>i32 [S, 4]: all segments, prompts first (see <see cref="Lean.Kernels.Segments"/>).</summary>
    public required Tensor Segments { get; init; }

    /// <summary>i32 [S, 6]: the same, with where recurrent states come from and go; unset where only attention runs.</summary>
    public Tensor States { get; init; }

    /// <summary>How many of the segments are prompts'.</summary>
    public required int PromptSegments { get; init; }

    /// <summary>How many of the rows are prompts'.</summary>
    public required int PromptRows { get; init; }

    /// <summary>How many of the output rows are prompts'.</summary>
    public required int PromptOutputs { get; init; }

    /// <summary>i32 [S, M]: the cache blocks of each segment's sequence, as many as the step's furthest position needs.</summary>
    public required Tensor Blocks { get; init; }

    /// <summary>i32 [R]: the rows whose logits are wanted, in ascending order, none of them twice.</summary>
    public required Tensor OutputRows { get; init; }

    /// <summary>i32 [R]: whose segments' rows they are; unset in a step without prompts, which goes on with all rows, and where nobody asks for logits alone.</summary>
    public Tensor OutputSegments { get; init; }

    /// <summary>
    /// i32 [S, 4]: the segments, those of prompts up to where a recurrent state is kept first (see <see cref="StateCuts"/>);
    /// <see cref="Segments"/> itself where none is.
    /// </summary>
    public Tensor StateSegments { get; init; }

    /// <summary>i32 [P, 4]: what follows of prompts behind their first cuts, wave by wave.</summary>
    public Tensor LaterPieces { get; init; }

    /// <summary>Which of those pieces run together, and what is kept after them; null where nothing is.</summary>
    public StateCuts? Cuts { get; init; }

    /// <summary>T.</summary>
    public long Rows => Tokens.Shape[0];

    /// <summary>Whether all rows' logits are wanted: output rows are then rows 0 … T − 1, wherever they lie.</summary>
    public bool AreAllOutputs => OutputRows.Shape.Count == Rows;

    /// <summary>The output rows as a batch of their own, for what computes row by row: tokens, positions and segments are not theirs.</summary>
    public StepBatch OfOutputs() => this with { Tokens = new Tensor(DType.I32, OutputRows.Shape, Tokens.Address), PromptRows = PromptOutputs };

    /// <summary>Waves of pieces.</summary>
    public int StateWaves => Cuts?.Waves ?? 1;

    /// <summary>The pieces of prompts that a wave computes.</summary>
    public Tensor StatePieces(int wave)
    {
        if (wave == 0)
        {
            return StateSegments.Rows(0, PromptSegments);
        }

        (int first, int count) = Cuts!.Pieces(wave);
        return LaterPieces.Rows(first, count);
    }

    /// <summary>The most rows that those have together.</summary>
    public long StateRows(int wave) => wave == 0 ? PromptRows : Cuts!.Rows(wave);

    /// <summary>Segments of generated rows, with the slots of their states.</summary>
    public Tensor Generated => States.Rows(PromptSegments, States.Shape[0] - PromptSegments);
}
