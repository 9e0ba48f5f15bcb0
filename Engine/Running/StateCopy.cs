namespace Lean.Engine.Running;

/// <summary>A copy of a sequence's recurrent state, in all its parts.</summary>
/// <param name="Source">The slot that is read.</param>
/// <param name="Target">The slot that is written.</param>
internal readonly record struct StateCopy(int Source, int Target);
