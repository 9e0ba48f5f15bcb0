using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// linear, prompt rows: tiles of 64 × 64 outputs in shared memory, 4 × 4 of them per thread. Each output is one chain
/// of multiply-adds in ascending k.
/// </summary>
public static class LinearPrompt
{
    private const int Tile = 64;
    private const int Depth = 16;
    private const int Side = 16;
    private const int Own = Tile / Side;
    private const int Threads = Side * Side;

    /// <summary>output[t, n] = Σ_k x[t, k] · weight[n, k].</summary>
    [Kernel("linear_prompt", Threads, groups: "N/64", groupsY: "T/64", Unroll = true)]
    [Instance("bf16", typeof(BF16Weight), typeof(ushort))]
    [Instance("f32", typeof(F32Weight), typeof(float))]
    public static void Run<TFormat, TElement>(
        [Shape("T", "K")] ArrayView<float> x,
        [Shape("N", "K")] ArrayView<TElement> weight,
        [Shape("T", "N")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("K")] int inputs,
        [Extent("N")] int outputs,
        [RowStride("x")] int xStride,
        [RowStride("output")] int outputStride)
        where TFormat : struct, IWeightFormat<TElement>
        where TElement : unmanaged
    {
        // Both tiles lie k-major, so that neighbours in a row of outputs are neighbours in memory.
        ArrayView<float> xTile = SharedMemory.Allocate<float>(Tile * Depth);
        ArrayView<float> wTile = SharedMemory.Allocate<float>(Tile * Depth);
        int thread = Group.IdxX, column = thread % Side, line = thread / Side;
        int firstRow = Grid.IdxY * Tile, firstOutput = Grid.IdxX * Tile;
        var sums = new float[Own * Own];
        for (int i = 0; i < Own * Own; i++)
        {
            sums[i] = 0;
        }

        for (int k0 = 0; k0 < inputs; k0 += Depth)
        {
            Group.Barrier();
            for (int i = 0; i < Tile * Depth / Threads; i++)
            {
                // Past the end of K both tiles hold zeros; rows and outputs past the end repeat the last one.
                int k = k0 + column, r = line + (i * Side);
                bool inside = k < inputs;
                int from = inside ? k : inputs - 1;
                float a = TFormat.Input(x[((long)Math.Min(firstRow + r, rows - 1) * xStride) + from]);
                float b = TFormat.Widen(weight[((long)Math.Min(firstOutput + r, outputs - 1) * inputs) + from]);
                xTile[(column * Tile) + r] = inside ? a : 0;
                wTile[(column * Tile) + r] = inside ? b : 0;
            }

            Group.Barrier();
            for (int k = 0; k < Depth; k++)
            {
                var left = new float[Own];
                var right = new float[Own];
                for (int i = 0; i < Own; i++)
                {
                    left[i] = xTile[(k * Tile) + (line * Own) + i];
                    right[i] = wTile[(k * Tile) + column + (i * Side)];
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

        for (int i = 0; i < Own; i++)
        {
            for (int j = 0; j < Own; j++)
            {
                int t = firstRow + (line * Own) + i, n = firstOutput + column + (j * Side);
                if (t < rows && n < outputs)
                {
                    output[((long)t * outputStride) + n] = sums[(i * Own) + j];
                }
            }
        }
    }
}
