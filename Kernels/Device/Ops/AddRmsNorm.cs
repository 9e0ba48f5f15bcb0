using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>add_rms_norm: a group per row.</summary>
public static class AddRmsNorm
{
    private const int Threads = 256;

    /// <summary>
    /// residual += delta; output = residual · rsqrt(mean(residual²) + ε) · (1 + weight); faults[t] = place where a row
    /// first holds what is not finite. Each element is looked at: their squares' f32 sum may overflow before they do.
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
        float squares = 0, strays = 0;
        for (int h = Group.IdxX; h < width; h += Threads)
        {
            float x = residual[row + h];
            if (delta.Length > 0)
            {
                x += delta[row + h];
                residual[row + h] = x;
            }

            squares = Scalar.Fma(x, x, squares);
            strays += Scalar.IsFinite(x) ? 0f : 1f;
        }

        if (faults.Length > 0)
        {
            // A norm without delta begins a stream, so what the entry held before is of another.
            float all = GroupSum.All(shared, strays);
            if (Group.IdxX == 0)
            {
                int before = delta.Length > 0 ? faults[Grid.IdxX] : 0;
                faults[Grid.IdxX] = before == 0 && all > 0 ? place : before;
            }
        }

        float scale = Scalar.Rsqrt((GroupSum.All(shared, squares) / width) + epsilon);
        long target = (long)Grid.IdxX * outputStride;
        for (int h = Group.IdxX; h < width; h += Threads)
        {
            output[target + h] = residual[row + h] * scale * (1 + weight[h]);
        }
    }
}
