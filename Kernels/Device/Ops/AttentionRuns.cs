namespace Lean.Kernels.Device;

/// <summary>
/// Which spans of its context a group of <see cref="AttentionRows"/> has: one, or in long contexts a run of four neighbouring ones,
/// which it joins one after the other. <see cref="AttentionRunsJoin"/> joins the spans of other runs alike, so that no bit tells which
/// group had what. Groups of runs, whose sums are a quarter, begin first; those of a span fill the card where the others end.
/// </summary>
public static class AttentionRuns
{
    /// <summary>Spans of a run.</summary>
    public const int Spans = 4;

    /// <summary>Cells of a run.</summary>
    public const int Cells = Spans * AttentionMath.SpanCells;

    // Whole cells before a position from which on a context is long.
    private const int Long = 32;

    /// <summary>
    /// Cells of a span of a row at this position: so short a context is one span, which needs no joining; a longer one in
    /// spans of four would leave much of the card idle, and a long one does not.
    /// </summary>
    public static int SpanCells(int position) => position >= 4 * AttentionMath.Cell && position < Long * AttentionMath.Cell ? 2 : 4;

    /// <summary>Spans of a row at this position, -1 for a row of nobody, which has none.</summary>
    public static int Count(int position)
    {
        int span = SpanCells(position) * AttentionMath.Cell;
        return (position + span) / span;
    }

    /// <summary>Whether a row at this position has runs: a shorter context's spans are joined as they are.</summary>
    public static bool HasRuns(int position) => position >= Long * AttentionMath.Cell;

    /// <summary>Runs that have a group each: the first of a row at this position.</summary>
    /// <param name="position">The row's position.</param>
    /// <param name="single">Its last spans, which have a group each, or up to three more.</param>
    public static int Whole(int position, int single) => HasRuns(position) ? Math.Max(Count(position) - single, 0) / Spans : 0;
}
