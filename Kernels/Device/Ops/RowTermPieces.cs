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

    /// <summary>Where the first terms of two neighbouring numbers of a row lie, for kernels that write rows as pieces at once.</summary>
    /// <param name="row">The row.</param>
    /// <param name="k">The first number's place, even, or the second's.</param>
    /// <param name="blocks">Blocks of 32 along k.</param>
    /// <param name="eightsShift">Eights of rows of a tile, as a power of two.</param>
    /// <param name="count">Terms of a number.</param>
    internal static long Place(int row, int k, int blocks, int eightsShift, int count)
    {
        int eight = row >> 3, tile = eight >> eightsShift;
        long piece = (((((long)tile * blocks) + (k >> 5)) * count) << eightsShift) + (eight - (tile << eightsShift));
        return (piece * Words) + (((k >> 1) & 3) * 32) + ((row & 7) * 4) + ((k >> 3) & 3);
    }

    /// <summary>Stores the terms of two neighbouring numbers.</summary>
    /// <param name="terms">As <see cref="Run"/> writes them.</param>
    /// <param name="place">Where: see <see cref="Place"/>.</param>
    /// <param name="eightsShift">Eights of rows of a tile, as a power of two.</param>
    /// <param name="count">Terms of a number.</param>
    /// <param name="first">The first number.</param>
    /// <param name="second">The second.</param>
    internal static void Store(ArrayView<int> terms, long place, int eightsShift, int count, float first, float second)
    {
        uint pair = BF16.Pack(first, second);
        terms[place] = (int)pair;
        if (count == 2)
        {
            terms[place + (Words << eightsShift)] = (int)SplitProducts.Rest(first, second, pair);
        }
    }

    /// <summary>The same of numbers that two lanes have: the first one's lane stores the first terms, the other lane the second ones.</summary>
    /// <param name="terms">As <see cref="Run"/> writes them.</param>
    /// <param name="place">Where: see <see cref="Place"/>.</param>
    /// <param name="eightsShift">Eights of rows of a tile, as a power of two.</param>
    /// <param name="count">Terms of a number.</param>
    /// <param name="own">The lane's number.</param>
    /// <param name="other">The other lane's.</param>
    /// <param name="isSecond">Whether the lane's is the second of the two.</param>
    internal static void StoreHalf(ArrayView<int> terms, long place, int eightsShift, int count, float own, float other, bool isSecond)
    {
        float first = isSecond ? other : own, second = isSecond ? own : other;
        uint pair = BF16.Pack(first, second);
        if (!isSecond)
        {
            terms[place] = (int)pair;
        }
        else if (count == 2)
        {
            terms[place + (Words << eightsShift)] = (int)SplitProducts.Rest(first, second, pair);
        }
    }
}
