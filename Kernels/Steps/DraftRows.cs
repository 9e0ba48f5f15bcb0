using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>A row per sequence that is drafted for, one depth further.</summary>
/// <param name="Tokens">i32 [D]: the drafts of the depth before.</param>
/// <param name="Positions">i32 [D].</param>
/// <param name="CacheSlots">i32 [D]: where the rows' keys and values go in the paged cache.</param>
/// <param name="Segments">i32 [D, 4], see <see cref="Lean.Kernels.Segments"/>; there are no states, and slots are 0.</param>
public readonly record struct DraftRows(Tensor Tokens, Tensor Positions, Tensor CacheSlots, Tensor Segments);
