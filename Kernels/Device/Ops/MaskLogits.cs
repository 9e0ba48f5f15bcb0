using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>mask_logits: a group per 4,096 logits of a row.</summary>
public static class MaskLogits
{
    private const int Threads = 256;
    private const int Part = 4096;
    private const int WordBits = 32;

    /// <summary>x ← −∞ where the token's bit is 0.</summary>
    [Kernel("mask_logits", Threads, groups: "M", groupsY: "V/4096")]
    public static void Run(
        [Shape("R", "V")] ArrayView<float> logits,
        [Shape("M")] ArrayView<int> rows,
        [Shape("M", "W")] ArrayView<int> masks,
        [Extent("V")] int width,
        [Extent("W")] int words)
    {
        int first = Grid.IdxY * Part, end = Math.Min(first + Part, width);
        long row = (long)rows[Grid.IdxX] * width, mask = (long)Grid.IdxX * words;
        for (int v = first + Group.IdxX; v < end; v += Threads)
        {
            if (((masks[mask + (v / WordBits)] >> (v % WordBits)) & 1) == 0)
            {
                logits[row + v] = float.NegativeInfinity;
            }
        }
    }
}
