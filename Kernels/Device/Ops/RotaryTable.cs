using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>rotary_table: a group per position.</summary>
public static class RotaryTable
{
    private const int Threads = 64;

    /// <summary>table[t, i] = m · cos(p_t · f_i), table[t, R/2 + i] = m · sin(p_t · f_i).</summary>
    [Kernel("rotary_table", Threads, groups: "T")]
    public static void Run(
        [Shape("T")] ArrayView<int> positions,
        [Shape("F")] ArrayView<float> frequencies,
        [Shape("T", "2*F")] ArrayView<float> table,
        [Extent("F")] int half,
        float magnitude)
    {
        float position = positions[Grid.IdxX];
        long row = (long)Grid.IdxX * half * 2;
        for (int i = Group.IdxX; i < half; i += Threads)
        {
            float angle = position * frequencies[i];

            // Both are a sine: cos(x) = sin(x + π/2), a quadrant later.
            table[row + i] = magnitude * Trigonometry.Sine(angle, 1);
            table[row + half + i] = magnitude * Trigonometry.Sine(angle, 0);
        }
    }
}
