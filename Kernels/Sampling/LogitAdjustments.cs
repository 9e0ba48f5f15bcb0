using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// What <see cref="AdjustLogits"/> changes in R rows of logits. The lists of all rows lie end to end; row r owns entries
/// starts[r] … starts[r + 1] − 1. Within a row's list no token stands twice, so entries may be taken in any order.
/// </summary>
public readonly struct LogitAdjustments
{
    /// <summary>Columns of <see cref="Seen"/>: the token, and how often it was generated.</summary>
    public const int SeenColumns = 2;

    /// <summary>Columns of <see cref="Penalties"/>: repetition (above 0, 1 for none), presence and frequency (0 for none).</summary>
    public const int PenaltyColumns = 3;

    /// <summary>i32 [R + 1]: where each row's tokens begin in <see cref="Biased"/>.</summary>
    public required Tensor BiasStarts { get; init; }

    /// <summary>i32 [B]: tokens.</summary>
    public required Tensor Biased { get; init; }

    /// <summary>f32 [B]: what is added to their logits; −∞ bans a token.</summary>
    public required Tensor Biases { get; init; }

    /// <summary>i32 [R + 1]: where each row's tokens begin in <see cref="Seen"/>.</summary>
    public required Tensor SeenStarts { get; init; }

    /// <summary>i32 [S, 2]: tokens of the prompt or the output, and how often each stands in the output (0: in the prompt alone).</summary>
    public required Tensor Seen { get; init; }

    /// <summary>f32 [R, 3]: repetition, presence and frequency penalty of each row.</summary>
    public required Tensor Penalties { get; init; }
}
