using Lean.Kernels;

namespace Lean.Engine.Scheduling;

/// <summary>
/// One sequence's rows in a step. Those of the generated class may be several: what was generated before a preemption is
/// replayed so.
/// </summary>
/// <param name="Sequence">The sequence's place in the scheduler.</param>
/// <param name="Class">What the rows are, for ever.</param>
/// <param name="FirstPosition">The first row's absolute position.</param>
/// <param name="Rows">How many consecutive rows.</param>
/// <param name="Samples">Whether the last row's logits choose a token.</param>
internal readonly record struct PlannedSegment(int Sequence, RowClass Class, int FirstPosition, int Rows, bool Samples);
