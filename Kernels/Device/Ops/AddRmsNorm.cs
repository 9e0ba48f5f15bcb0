using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>add_rms_norm: a group per row.</summary>
public static class AddRmsNorm
{
    private const int Threads = 256;

    // 2^-96: squares of scaled values cannot leave f32.
    private const float Small = 1.2621774483536189e-29f;

    /// <summary>
    /// residual += delta; output = residual · rsqrt(mean(residual²) + ε) · (1 + weight); faults[row] becomes the number of
    /// the first norm that met a residual which is not finite. Where only the squares leave f32, they are summed again,
    /// scaled down.
    /// </summary>
    [Kernel("add_rms_norm", Threads, groups: "T")]
    public static void Run(
        [Shape("T", "H")] ArrayView<float> residual,
        [Shape("T", "H", Optional = true)] ArrayView<float> delta,
        [Shape("H")] ArrayView<float> weight,
        [Shape("T", "H")] ArrayView<float> output,
        [Shape("T", Optional = true)] ArrayView<int> faults,
        [Extent("H")] int width,
        [RowStride("output")] int outputStride,
        float epsilon,
        int place)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Threads);
        long row = (long)Grid.IdxX * width;
        float squares = 0;
        for (int h = Group.IdxX; h < width; h += Threads)
        {
            float x = residual[row + h];
            if (delta.Length > 0)
            {
                x += delta[row + h];
                residual[row + h] = x;
            }

            squares = Scalar.Fma(x, x, squares);
        }

        float shrink = 1;
        squares = GroupSum.All(shared, squares);
        if (!Scalar.IsFinite(squares))
        {
            shrink = Small;
            squares = 0;
            for (int h = Group.IdxX; h < width; h += Threads)
            {
                float x = residual[row + h] * Small;
                squares = Scalar.Fma(x, x, squares);
            }

            squares = GroupSum.All(shared, squares);
        }

        if (Group.IdxX == 0 && faults.Length > 0)
        {
            int before = delta.Length > 0 ? faults[Grid.IdxX] : 0;
            faults[Grid.IdxX] = before == 0 && !Scalar.IsFinite(squares) ? place : before;
        }

        float scale = Scalar.Rsqrt((squares / width) + (epsilon * shrink * shrink));
        long target = (long)Grid.IdxX * outputStride;
        for (int h = Group.IdxX; h < width; h += Threads)
        {
            output[target + h] = residual[row + h] * shrink * scale * (1 + weight[h]);
        }
    }
}
