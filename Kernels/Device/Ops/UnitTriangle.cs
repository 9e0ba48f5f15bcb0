using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// The inverse of I + L for a strictly lower L of 64 × 64, in f32, by a group of 256: the diagonal blocks of 16 by forward
/// substitution, a thread a column; then T_ij = −T_ii Σ_{j≤k&lt;i} L_ik T_kj, a row of blocks after the other.
/// </summary>
public static class UnitTriangle
{
    /// <summary>Floats of the matrix.</summary>
    public const int Words = Size * Stride;

    /// <summary>Floats of the products in between.</summary>
    public const int ProductWords = Block * (Size - Block);

    private const int Size = DeltaRuleLayout.Cell;
    private const int Block = 16;
    private const int Blocks = Size / Block;

    // Rows and columns of a block lie in different banks.
    private const int Stride = Size + 1;

    /// <summary>An element.</summary>
    public static ref float At(ArrayView<float> matrix, int row, int column) => ref matrix[(row * Stride) + column];

    /// <summary>
    /// Replaces L, zero from the diagonal on, by the inverse of I + L, zero above the diagonal inside its blocks. Begins after
    /// a barrier and ends with one.
    /// </summary>
    public static void Invert(ArrayView<float> matrix, ArrayView<float> products)
    {
        int thread = Group.IdxX, column = thread % Block;
        if (thread < Size)
        {
            int first = thread / Block * Block;
            var t = new float[Block];
            for (int i = 0; i < Block; i++)
            {
                t[i] = i == column ? 1f : 0f;
                for (int p = 0; p < Block; p++)
                {
                    if (p < i)
                    {
                        t[i] = Scalar.Fma(-At(matrix, first + i, first + p), t[p], t[i]);
                    }
                }
            }

            // A block's threads are in one warp, and nobody else reads the block.
            Lanes.Together();
            for (int i = 0; i < Block; i++)
            {
                At(matrix, first + i, first + column) = t[i];
            }
        }

        Group.Barrier();
        int row = thread / Block;
        for (int block = 1; block < Blocks; block++)
        {
            for (int j = 0; j < block; j++)
            {
                float sum = 0;
                for (int p = j * Block; p < block * Block; p++)
                {
                    sum = Scalar.Fma(At(matrix, (block * Block) + row, p), At(matrix, p, (j * Block) + column), sum);
                }

                products[(row * (Size - Block)) + (j * Block) + column] = sum;
            }

            Group.Barrier();
            for (int j = 0; j < block; j++)
            {
                float sum = 0;
                for (int p = 0; p < Block; p++)
                {
                    sum = Scalar.Fma(At(matrix, (block * Block) + row, (block * Block) + p), products[(p * (Size - Block)) + (j * Block) + column], sum);
                }

                At(matrix, (block * Block) + row, (j * Block) + column) = -sum;
            }

            Group.Barrier();
        }
    }
}
