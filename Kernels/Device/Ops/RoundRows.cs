using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>Rounds rows to bf16, widened again: what a product takes that is told to round its activations, where its own kernel does not.</summary>
public static class RoundRows
{
    private const int Threads = 256;

    /// <summary>rounded[t, k] = the nearest bf16 to x[t, k], ties to even; NaN stays NaN. Both may be the same.</summary>
    [Kernel("round_rows", Threads, groups: "T*K/256")]
    public static void Run(
        [Shape("T", "K")] ArrayView<float> x,
        [Shape("T", "K")] ArrayView<float> rounded,
        [Extent("T")] int rows,
        [Extent("K")] int inputs,
        [RowStride("x")] int xStride,
        [RowStride("rounded")] int stride)
    {
        long own = ((long)Grid.IdxX * Threads) + Group.IdxX, row = own / inputs, k = own - (row * inputs);
        if (row < rows)
        {
            rounded[(row * stride) + k] = BF16.Round(x[(row * xStride) + k]);
        }
    }
}
