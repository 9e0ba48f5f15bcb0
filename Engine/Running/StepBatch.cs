using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// One step as ops see it. Rows of prompts come first, then generated rows; a segment is one sequence's rows.
/// All views name memory of the <see cref="BatchBuilder"/> and hold until the next step is built.
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

    /// <summary>T.</summary>
    public long Rows => Tokens.Shape[0];

    /// <summary>Segments of prompts.</summary>
    public Tensor Prompts => Segments.Rows(0, PromptSegments);

    /// <summary>Segments of generated rows.</summary>
    public Tensor Generated => Segments.Rows(PromptSegments, Segments.Shape[0] - PromptSegments);
}
