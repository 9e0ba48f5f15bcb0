using Lean.Tensors;

namespace Lean.Comm;

/// <summary>What a member brings to a meeting: addresses that the others read, and of a sum in place also write.</summary>
/// <param name="Entry">What it submits.</param>
/// <param name="Source">Its tensor.</param>
/// <param name="Rows">Of all_to_all, its rows for each place.</param>
internal readonly record struct LoopbackPart(PlannedCollective Entry, Tensor Source, int[] Rows);
