using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// Rounds generated rows to the two bf16 terms of <see cref="RowProducts"/>, once for all outputs, in the order in which
/// lanes take them: for eight rows and 32 along k, 32 lanes' eight first terms, then their eight second ones. Lane l has row
/// l / 4 and k = 8·(l &amp; 3) … + 7.
/// </summary>
public static class RowTerms
{
    /// <summary>Words of eight rows by 32 along k.</summary>
    public const int Words = 256;

    private const int Threads = 256;

    /// <summary>Rows past the end repeat the last one; beyond K come zeros.</summary>
    [Kernel("row_terms", Threads, groups: "*", Unroll = true)]
    [Cuda("sm_80")]
    public static void Run(
        [Shape("T", "K")] ArrayView<float> x,
        [Shape("B", "256")] ArrayView<int> terms,
        [Extent("T")] int rows,
        [Extent("K")] int inputs,
        [Extent("B")] int count,
        [RowStride("x")] int xStride,
        int blocks)
    {
        DependentLaunch.Allow();
        DependentLaunch.Wait();
        int lane = Group.IdxX & 31, own = (Grid.IdxX * (Threads / 32)) + (Group.IdxX >> 5);
        if (own < count)
        {
            int row = Math.Min((own / blocks * 8) + (lane >> 2), rows - 1), k = (own % blocks * 32) + ((lane & 3) * 8);
            bool inside = k < inputs;
            long from = ((long)row * xStride) + (inside ? k : 0), to = ((long)own * Words) + (lane * 4);
            U4 first = WideAccess.Load(ref x[from]), second = WideAccess.Load(ref x[from + 4]);
            float x0 = RowProducts.Value(first.X, inside), x1 = RowProducts.Value(first.Y, inside);
            float x2 = RowProducts.Value(first.Z, inside), x3 = RowProducts.Value(first.W, inside);
            float x4 = RowProducts.Value(second.X, inside), x5 = RowProducts.Value(second.Y, inside);
            float x6 = RowProducts.Value(second.Z, inside), x7 = RowProducts.Value(second.W, inside);
            uint h0 = BF16.Pack(x0, x1), h1 = BF16.Pack(x2, x3), h2 = BF16.Pack(x4, x5), h3 = BF16.Pack(x6, x7);
            WideAccess.Store(ref terms[to], h0, h1, h2, h3);

            // What the first term leaves out is exact in f32.
            WideAccess.Store(
                ref terms[to + (Words / 2)],
                BF16.Pack(x0 - BF16.Low(h0), x1 - BF16.High(h0)), BF16.Pack(x2 - BF16.Low(h1), x3 - BF16.High(h1)),
                BF16.Pack(x4 - BF16.Low(h2), x5 - BF16.High(h2)), BF16.Pack(x6 - BF16.Low(h3), x7 - BF16.High(h3)));
        }
    }
}
