using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The rows of a step, placed.</summary>
/// <param name="Tokens">i32 [T].</param>
/// <param name="Positions">i32 [T]: absolute positions.</param>
/// <param name="CacheSlots">i32 [T]: where each row's key and value go in the paged cache.</param>
/// <param name="Segments">i32 [S, 4], see <see cref="Lean.Kernels.Segments"/>.</param>
/// <param name="States">i32 [S, 6]: the same with where states come from and go.</param>
public readonly record struct PlacedRows(Tensor Tokens, Tensor Positions, Tensor CacheSlots, Tensor Segments, Tensor States);
