using Lean.Kernels;

namespace Lean.Engine.Scheduling;

/// <summary>
/// One sequence's rows in a step. Those of the generated class may be several: what was generated before a preemption is
/// replayed so, and drafts are verified behind the row that is certain.
/// </summary>
/// <param name="Sequence">The sequence's place in the scheduler.</param>
/// <param name="Class">What the rows are, for ever.</param>
/// <param name="FirstPosition">The first row's absolute position; where drafts have been planned whose fate is not known, the least it can be.</param>
/// <param name="Rows">How many consecutive rows.</param>
/// <param name="Samples">Whether the last row's logits choose a token; with drafts, also those of the rows before that they lie behind.</param>
/// <param name="Drafts">How many of the last rows hold drafts.</param>
/// <param name="Drafting">How many tokens are drafted in this step for the next.</param>
/// <param name="Ahead">How far beyond <paramref name="FirstPosition"/> the first row may stand.</param>
internal readonly record struct PlannedSegment(
    int Sequence, RowClass Class, int FirstPosition, int Rows, bool Samples, int Drafts = 0, int Drafting = 0, int Ahead = 0)
{
    /// <summary>The last position that the step can write to, by its rows or by those that draft.</summary>
    public int LastPosition => FirstPosition + Ahead + Rows - 1 + int.Max(Drafting - 1, 0);
}
