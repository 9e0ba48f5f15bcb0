using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>gather_rows: a group per chosen row.</summary>
public static class GatherRows
{
    private const int Threads = 128;

    /// <summary>output[r] = x[rows[r]].</summary>
    [Kernel("gather_rows", Threads, groups: "R")]
    public static void Run(
        [Shape("T", "H")] ArrayView<float> x,
        [Shape("R")] ArrayView<int> rows,
        [Shape("R", "H")] ArrayView<float> output,
        [Extent("H")] int width,
        [RowStride("x")] int xStride)
    {
        long source = (long)rows[Grid.IdxX] * xStride;
        long target = (long)Grid.IdxX * width;
        for (int h = Group.IdxX; h < width; h += Threads)
        {
            output[target + h] = x[source + h];
        }
    }
}
