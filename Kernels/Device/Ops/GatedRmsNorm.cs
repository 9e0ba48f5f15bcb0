using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>gated_rms_norm: a group per row and head.</summary>
public static class GatedRmsNorm
{
    private const int Threads = 128;

    /// <summary>output = x · rsqrt(mean(x²) + ε) · weight · silu(z), per head; output may be x.</summary>
    [Kernel("gated_rms_norm", Threads, groups: "T*N")]
    public static void Run(
        [Shape("T", "N", "D")] ArrayView<float> x,
        [Shape("T", "N*D")] ArrayView<float> z,
        [Shape("D")] ArrayView<float> weight,
        [Shape("T", "N", "D")] ArrayView<float> output,
        [Extent("N")] int heads,
        [Extent("D")] int dim,
        [RowStride("z")] int zStride,
        float epsilon)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Threads);
        int row = Grid.IdxX / heads, head = Grid.IdxX % heads;
        long own = (long)Grid.IdxX * dim, gates = ((long)row * zStride) + ((long)head * dim);
        float squares = 0;
        for (int d = Group.IdxX; d < dim; d += Threads)
        {
            float value = x[own + d];
            squares = Scalar.Fma(value, value, squares);
        }

        float scale = Scalar.Rsqrt((GroupSum.All(shared, squares) / dim) + epsilon);
        for (int d = Group.IdxX; d < dim; d += Threads)
        {
            float gate = z[gates + d];
            output[own + d] = x[own + d] * scale * weight[d] * (gate * Scalar.Sigmoid(gate));
        }
    }
}
