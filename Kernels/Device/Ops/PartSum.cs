using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>part_sum: 1,024 numbers a group, four a thread.</summary>
public static class PartSum
{
    private const int Threads = 256;
    private const int Each = 4;

    /// <summary>output = ((parts[0] + parts[1]) + parts[2]) + …; a thread has read all that it sums before it writes.</summary>
    [Kernel("part_sum", Threads, groups: "N/1024")]
    public static void Run(
        [Shape("P", "N")] ArrayView<float> parts,
        [Shape("N")] ArrayView<float> output,
        [Extent("P")] int count,
        [Extent("N")] int width,
        [RowStride("parts")] int stride)
    {
        int first = (Grid.IdxX * Threads * Each) + Group.IdxX, last = width - 1;
        long at0 = Math.Min(first, last), at1 = Math.Min(first + Threads, last), at2 = Math.Min(first + (2 * Threads), last), at3 = Math.Min(first + (3 * Threads), last);
        float sum0 = parts[at0], sum1 = parts[at1], sum2 = parts[at2], sum3 = parts[at3];
        for (int p = 1; p < count; p++)
        {
            long part = (long)p * stride;
            sum0 = Scalar.Add(sum0, parts[part + at0]);
            sum1 = Scalar.Add(sum1, parts[part + at1]);
            sum2 = Scalar.Add(sum2, parts[part + at2]);
            sum3 = Scalar.Add(sum3, parts[part + at3]);
        }

        for (int i = 0; i < Each; i++)
        {
            int at = first + (i * Threads);
            if (at < width)
            {
                output[at] = i == 0 ? sum0 : i == 1 ? sum1 : i == 2 ? sum2 : sum3;
            }
        }
    }
}
