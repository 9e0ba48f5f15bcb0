using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// Rounds generated rows to the bf16 terms of <see cref="RowProducts"/>, once for all outputs, in the order in which
/// lanes take them: for eight rows and 32 along k, 32 lanes' eight first terms, then their eight second ones, where there are any. Lane l has row
/// l / 4 and k = 8·(l &amp; 3) … + 7.
/// </summary>
public static class RowTerms
{
    /// <summary>Words of eight rows' two terms by 32 along k; single ones are half as many.</summary>
    public const int Words = 256;

    private const int Threads = 256;

    /// <summary>Rows past the end repeat the last one; beyond K come zeros.</summary>
    [Kernel("row_terms", Threads, groups: "*", Unroll = true)]
    [Instance("", typeof(SplitTerms))]
    [Instance("rounded", typeof(SingleTerm))]
    [Cuda("sm_80")]
    public static void Run<TTerms>(
        [Shape("T", "K")] ArrayView<float> x,
        [Shape("B", "W")] ArrayView<int> terms,
        [Extent("T")] int rows,
        [Extent("K")] int inputs,
        [Extent("B")] int count,
        [RowStride("x")] int xStride,
        int blocks)
        where TTerms : struct, IActivationTerms
    {
        DependentLaunch.Allow();
        DependentLaunch.Wait();
        int lane = Group.IdxX & 31, own = (Grid.IdxX * (Threads / 32)) + (Group.IdxX >> 5);
        if (own < count)
        {
            int row = Math.Min((own / blocks * 8) + (lane >> 2), rows - 1), k = (own % blocks * 32) + ((lane & 3) * 8);
            bool inside = k < inputs;
            long from = ((long)row * xStride) + (inside ? k : 0), to = ((long)own * (Words / 2 * TTerms.Count)) + (lane * 4);
            var split = new uint[8];
            RowProducts.Split<TTerms>(split, 0, WideAccess.Load(ref x[from]), WideAccess.Load(ref x[from + 4]), inside);
            WideAccess.Store(ref terms[to], split[0], split[1], split[2], split[3]);
            if (TTerms.Count == 2)
            {
                WideAccess.Store(ref terms[to + (Words / 2)], split[4], split[5], split[6], split[7]);
            }
        }
    }
}
