using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>gather_rows: chosen rows in parts of 1,024 numbers, a group each: rows are as long as a vocabulary, too.</summary>
public static class GatherRows
{
    private const int Threads = 256;
    private const int Each = 4;

    /// <summary>output[r] = x[rows[r]].</summary>
    [Kernel("gather_rows", Threads, groups: "R", groupsY: "H/1024")]
    public static void Run(
        [Shape("T", "H")] ArrayView<float> x,
        [Shape("R")] ArrayView<int> rows,
        [Shape("R", "H")] ArrayView<float> output,
        [Extent("H")] int width,
        [RowStride("x")] int xStride)
    {
        int first = (Grid.IdxY * Threads * Each) + Group.IdxX, last = width - 1;
        long source = (long)rows[Grid.IdxX] * xStride, target = (long)Grid.IdxX * width;
        float x0 = x[source + Math.Min(first, last)], x1 = x[source + Math.Min(first + Threads, last)];
        float x2 = x[source + Math.Min(first + (2 * Threads), last)], x3 = x[source + Math.Min(first + (3 * Threads), last)];
        for (int i = 0; i < Each; i++)
        {
            int h = first + (i * Threads);
            if (h < width)
            {
                output[target + h] = i == 0 ? x0 : i == 1 ? x1 : i == 2 ? x2 : x3;
            }
        }
    }
}
