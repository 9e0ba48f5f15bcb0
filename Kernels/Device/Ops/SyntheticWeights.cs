using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>synthetic_weights: random bf16 values that depend on a key and a value's index alone.</summary>
public static class SyntheticWeights
{
    private const int Threads = 256;
    private const int Own = 8;
    private const int IndexMask = 4095;

    /// <summary>
    /// output[i] = table[12 bits of word n / 4], where word w is SplitMix64 of key + w·γ and n, the value's index in the whole
    /// tensor, is offset + start + i, or where width is not 0 offset + ⌊(start + i) / width⌋ · stride + (start + i) mod width.
    /// </summary>
    [Kernel("synthetic_weights", Threads, groups: "N/2048")]
    public static void Run(
        [Shape("4096")] ArrayView<ushort> table,
        [Shape("N")] ArrayView<ushort> output,
        [Extent("N")] int count,
        int keyLow,
        int keyHigh,
        int startLow,
        int startHigh,
        int width,
        int stride,
        int offsetLow,
        int offsetHigh)
    {
        ulong key = Join(keyLow, keyHigh), start = Join(startLow, startHigh), offset = Join(offsetLow, offsetHigh);
        int first = (Grid.IdxX * Threads * Own) + Group.IdxX;
        for (int i = 0; i < Own; i++)
        {
            int at = first + (i * Threads);
            if (at < count)
            {
                ulong index = start + (ulong)at;
                if (width > 0)
                {
                    ulong row = index / (ulong)width;
                    index = (row * (ulong)stride) + (index - (row * (ulong)width));
                }

                index += offset;
                ulong z = key + ((index >> 2) * 0x9e3779b97f4a7c15UL);
                z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9UL;
                z = (z ^ (z >> 27)) * 0x94d049bb133111ebUL;
                z ^= z >> 31;
                int choice = (int)(z >> ((int)(index & 3UL) * 16)) & IndexMask;
                output[at] = table[choice];
            }
        }
    }

    private static ulong Join(int low, int high) => ((ulong)(uint)high << 32) | (uint)low;
}
