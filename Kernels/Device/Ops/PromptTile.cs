using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// The products of prompt rows that the MLP's and the experts' kernels share: a tile of 64 rows × 64 outputs in shared
/// memory, 4 × 4 of them a thread, each one chain of multiply-adds in ascending k. Thread (line, column) has the tile's
/// rows 4·line … and its outputs column, column + 16, …
/// </summary>
public static class PromptTile
{
    /// <summary>Rows of a tile, and its outputs.</summary>
    public const int Size = 64;

    /// <summary>Threads along rows, and along outputs.</summary>
    public const int Side = 16;

    /// <summary>Rows of a thread, and its outputs.</summary>
    public const int Own = Size / Side;

    /// <summary>Threads of a group.</summary>
    public const int Threads = Side * Side;

    private const int Depth = 16;

    /// <summary>Adds the tile's products to a thread's sums.</summary>
    /// <param name="x">Activations.</param>
    /// <param name="xRows">Where the rows begin that this thread loads: the tile's rows thread / 16, + 16, …</param>
    /// <param name="low">What holds the weights of the tile's lower outputs.</param>
    /// <param name="high">What holds those of its upper ones.</param>
    /// <param name="weightRows">Where the weights begin that this thread loads: of outputs thread / 16, + 16 (in <paramref name="low"/>), + 32, + 48 (in <paramref name="high"/>).</param>
    /// <param name="inputs">K.</param>
    /// <param name="sums">The thread's 4 × 4 sums, a row after the other.</param>
    public static void Multiply<TFormat, TElement>(
        ArrayView<float> x, long[] xRows, ArrayView<TElement> low, ArrayView<TElement> high, long[] weightRows, int inputs, float[] sums)
        where TFormat : struct, IWeightFormat<TElement>
        where TElement : unmanaged
    {
        // Both lie k-major, so that neighbours in a row of outputs are neighbours in memory.
        ArrayView<float> xTile = SharedMemory.Allocate<float>(Size * Depth);
        ArrayView<float> weightTile = SharedMemory.Allocate<float>(Size * Depth);
        int thread = Group.IdxX, column = thread % Side, line = thread / Side;
        for (int k0 = 0; k0 < inputs; k0 += Depth)
        {
            // Past the end of K both tiles hold zeros.
            int k = Math.Min(k0 + column, inputs - 1);
            bool inside = k0 + column < inputs;
            Group.Barrier();
            for (int i = 0; i < Own; i++)
            {
                float a = x[xRows[i] + k];
                float b = TFormat.Widen(i < Own / 2 ? low[weightRows[i] + k] : high[weightRows[i] + k]);
                xTile[(column * Size) + line + (i * Side)] = inside ? a : 0;
                weightTile[(column * Size) + line + (i * Side)] = inside ? b : 0;
            }

            Group.Barrier();
            for (int d = 0; d < Depth; d++)
            {
                var left = new float[Own];
                var right = new float[Own];
                for (int i = 0; i < Own; i++)
                {
                    left[i] = xTile[(d * Size) + (line * Own) + i];
                    right[i] = weightTile[(d * Size) + column + (i * Side)];
                }

                for (int i = 0; i < Own; i++)
                {
                    for (int j = 0; j < Own; j++)
                    {
                        sums[(i * Own) + j] = Scalar.Fma(left[i], right[j], sums[(i * Own) + j]);
                    }
                }
            }
        }
    }

    /// <summary>Sets a thread's sums to zero.</summary>
    public static void Clear(float[] sums)
    {
        for (int i = 0; i < Own * Own; i++)
        {
            sums[i] = 0;
        }
    }
}
