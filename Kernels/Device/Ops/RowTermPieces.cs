using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// <see cref="RowTerms"/> for <see cref="LinearRowsWarpGroup"/>: the same terms, in the pieces of eight rows by 16 bytes that
/// wgmma takes. A tile's 32 along k lie together: first terms of all its eights of rows, then second ones, where there are any; of
/// each eight rows four pieces, two for each product of 16. Piece c has words c of all lanes' eight terms, so a product
/// covers the k that it does where terms and weights both come from registers.
/// </summary>
public static class RowTermPieces
{
    private const int Threads = 256;

    /// <summary>Words of eight rows' single terms by 32 along k.</summary>
    internal const int Words = 128;

    /// <summary>Rows past the end repeat the last one; beyond K come zeros.</summary>
    /// <param name="x">f32; rows begin at multiples of 16 bytes.</param>
    /// <param name="terms">Pairs of bf16; B pieces of eight rows by 32 along k, of whole tiles.</param>
    /// <param name="rows">T.</param>
    /// <param name="inputs">K, a multiple of 8.</param>
    /// <param name="count">B.</param>
    /// <param name="xStride">Elements from a row to the next.</param>
    /// <param name="blocks">Blocks of 32 along k.</param>
    /// <param name="eights">Eights of rows of a tile.</param>
    [Kernel("row_term_pieces", Threads, groups: "*", Unroll = true)]
    [Instance("", typeof(SplitTerms))]
    [Instance("rounded", typeof(SingleTerm))]
    [Cuda("sm_90a")]
    public static void Run<TTerms>(
        [Shape("T", "K")] ArrayView<float> x,
        [Shape("B", "W")] ArrayView<int> terms,
        [Extent("T")] int rows,
        [Extent("K")] int inputs,
        [Extent("B")] int count,
        [RowStride("x")] int xStride,
        int blocks,
        int eights)
        where TTerms : struct, IActivationTerms
    {
        DependentLaunch.Allow();
        DependentLaunch.Wait();
        int lane = Group.IdxX & 31, own = (Grid.IdxX * (Threads / 32)) + (Group.IdxX >> 5);
        if (own < count)
        {
            int eight = own / blocks, block = own % blocks, tile = eight / eights;
            int row = Math.Min((eight * 8) + (lane >> 2), rows - 1), k = (block * 32) + ((lane & 3) * 8);
            bool inside = k < inputs;
            long from = ((long)row * xStride) + (inside ? k : 0);
            long to = (((((long)tile * blocks) + block) * TTerms.Count * eights) + (eight % eights)) * Words;
            var split = new uint[8];
            RowProducts.Split<TTerms>(split, 0, WideAccess.Load(ref x[from]), WideAccess.Load(ref x[from + 4]), inside);
            for (int c = 0; c < 4; c++)
            {
                terms[to + (c * 32) + lane] = (int)split[c];
                if (TTerms.Count == 2)
                {
                    terms[to + (eights * Words) + (c * 32) + lane] = (int)split[4 + c];
                }
            }
        }
    }
}
