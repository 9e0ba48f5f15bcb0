using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>Rounds rows of f32 to the bf16 terms that tensor cores multiply.</summary>
public static class ActivationTerms
{
    /// <summary>Terms of a row are padded with zeros to a multiple of this: what the products' kernels take at a time.</summary>
    public const int Block = 64;

    private const int Threads = 256;

    /// <summary>
    /// Row t of <paramref name="terms"/> holds K numbers of the first term and zeros up to a multiple of 64, then likewise the
    /// second term; an int is two bf16, the first in its lower half.
    /// </summary>
    [Kernel("activation_terms", Threads, groups: "T")]
    [Instance("single", typeof(SingleTerm))]
    [Instance("split", typeof(SplitTerms))]
    public static void Run<TTerms>(
        [Shape("T", "K")] ArrayView<float> x,
        [Shape("T", "P")] ArrayView<int> terms,
        [Extent("K")] int inputs,
        [Extent("P")] int pairs,
        [RowStride("x")] int xStride)
        where TTerms : struct, IActivationTerms
    {
        long from = (long)Grid.IdxX * xStride, to = (long)Grid.IdxX * pairs;
        int half = pairs / TTerms.Count;
        for (int pair = Group.IdxX; pair < half; pair += Threads)
        {
            int k = pair * 2;
            float low = x[from + Math.Min(k, inputs - 1)], high = x[from + Math.Min(k + 1, inputs - 1)];
            low = k < inputs ? low : 0;
            high = k + 1 < inputs ? high : 0;
            uint first = BF16.Pack(low, high);
            terms[to + pair] = (int)first;
            if (TTerms.Count == 2)
            {
                // What the first term leaves out is exact in f32.
                terms[to + half + pair] = (int)BF16.Pack(low - BF16.Low(first), high - BF16.High(first));
            }
        }
    }
}
