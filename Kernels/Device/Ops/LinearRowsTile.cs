using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// What becomes of a tile's sums in <see cref="LinearRowsWarpGroup"/>: a thread has two neighbouring rows of every eight, and of each of them two
/// outputs eight apart, or a gate and its up.
/// </summary>
public static class LinearRowsTile
{
    private const int Block = 32;

    /// <summary>Stores the outputs of a tile that nothing is missing of: a branch before each store takes some 0.5 µs of a group's end.</summary>
    /// <param name="output">f32.</param>
    /// <param name="total">The thread's sums.</param>
    /// <param name="to">Where its first one goes.</param>
    /// <param name="outputStride">Elements from a row to the next.</param>
    public static void StoreWhole<TTile>(ArrayView<float> output, float[] total, long to, int outputStride)
        where TTile : struct, IRowTile
    {
        for (int i = 0; i < TTile.Rows; i++)
        {
            output[to] = total[i * 4];
            output[to + outputStride] = total[(i * 4) + 1];
            output[to + 8] = total[(i * 4) + 2];
            output[to + outputStride + 8] = total[(i * 4) + 3];
            to += 8L * outputStride;
        }
    }

    /// <summary>Stores those that there are.</summary>
    /// <param name="output">f32.</param>
    /// <param name="total">The thread's sums.</param>
    /// <param name="to">Where its first one goes.</param>
    /// <param name="outputStride">Elements from a row to the next.</param>
    /// <param name="rowsLeft">Rows from its first one on.</param>
    /// <param name="outputsLeft">Outputs from its first one on.</param>
    public static void Store<TTile>(ArrayView<float> output, float[] total, long to, int outputStride, int rowsLeft, int outputsLeft)
        where TTile : struct, IRowTile
    {
        for (int i = 0; i < TTile.Rows * 4; i++)
        {
            int row = (i / 4 * 8) + (i % 2), column = i % 4 / 2 * 8;
            if (row < rowsLeft && column < outputsLeft)
            {
                output[to + ((long)row * outputStride) + column] = total[i];
            }
        }
    }

    /// <summary>
    /// Leaves silu(gate) · up as pieces (<see cref="RowTermPieces"/>). Neighbouring gates are four lanes apart. Rows past the end are written too: whoever
    /// multiplies them stores nothing.
    /// </summary>
    /// <param name="pieces">Pairs of bf16.</param>
    /// <param name="total">The thread's sums.</param>
    /// <param name="width">I.</param>
    /// <param name="n">The thread's gate.</param>
    /// <param name="t">Its first row.</param>
    /// <param name="exists">Whether the gate is one of the tile's.</param>
    public static void Leave<TTile, TTerms>(ArrayView<int> pieces, float[] total, int width, int n, int t, bool exists)
        where TTile : struct, IRowTile
        where TTerms : struct, IActivationTerms
    {
        int shift = TTile.Rows == 2 ? 1 : TTile.Rows == 4 ? 2 : TTile.Rows == 8 ? 3 : 4;
        for (int i = 0; i < TTile.Rows * 2; i++)
        {
            int gate = (i / 2 * 4) + (i % 2), row = t + (i / 2 * 8) + (i % 2);
            float value = Scalar.Multiply(GateMath.Silu(total[gate]), total[gate + 2]), beside = Lanes.Xor(value, 4);
            if (exists)
            {
                RowTermPieces.StoreHalf(pieces, RowTermPieces.Place(row, n, width / Block, shift, TTerms.Count), shift, TTerms.Count, value, beside, (n & 1) != 0);
            }
        }
    }
}
