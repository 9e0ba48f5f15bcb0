using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Where a kernel leaves rows as pieces (<see cref="RowPieces"/>), if it does.</summary>
/// <param name="Pairs">Pairs of bf16 [B, W]; B is 0 where rows stay numbers.</param>
/// <param name="Blocks">Blocks of 32 along k.</param>
/// <param name="EightsShift">Eights of rows of a tile, as a power of two.</param>
/// <param name="Terms">Terms of a number.</param>
internal readonly record struct PieceTarget(Tensor Pairs, int Blocks, int EightsShift, int Terms)
{
    /// <summary>Whether rows become pieces.</summary>
    public bool ArePieces => Pairs.Shape[0] > 0;
}
