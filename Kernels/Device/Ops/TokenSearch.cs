using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// Places in a row of logits at which a sum reaches a target, found four bits at a time: each pass over the row sums
/// sixteen bins of what is left. A row of width 0 takes none, and what is then found means nothing.
/// </summary>
public static class TokenSearch
{
    private const int OrderBits = 32;

    /// <summary>The weight of all tokens left.</summary>
    public static long Total(ArrayView<float> logits, long start, int width, SampledRow row, float least, ArrayView<long> cells)
    {
        BinSums.Clear(cells);
        long sum = 0;
        for (int v = Group.IdxX; v < width; v += BinSums.Threads)
        {
            float x = logits[start + v];
            sum += row.Keeps(row.Below(x), v) ? row.Weight(x, least) : 0;
        }

        BinSums.Add(cells, 0, sum);
        BinSums.Reach(cells, 0);
        return cells[2];
    }

    /// <summary>
    /// How far below the largest logit the tokens left come to the target, by falling logit; what is still missing before
    /// that logit goes to <paramref name="rest"/>.
    /// </summary>
    public static uint ByLogit<TMeasure>(
        ArrayView<float> logits, long start, int width, SampledRow row, long target, ArrayView<long> cells, out long rest)
        where TMeasure : struct, IMeasure
    {
        uint low = 0;
        rest = target;
        for (int shift = width > 0 ? OrderBits - BinSums.Bits : -1; shift >= 0; shift -= BinSums.Bits)
        {
            BinSums.Clear(cells);
            for (int v = Group.IdxX; v < width; v += BinSums.Threads)
            {
                // What lies above the interval wraps round and is far beyond its end.
                float x = logits[start + v];
                uint below = row.Below(x), bin = (below - low) >> shift;
                if (bin < BinSums.Bins && row.Keeps(below, v))
                {
                    BinSums.Add(cells, (int)bin, TMeasure.Weighs ? row.Weight(x, 0) : 1);
                }
            }

            BinSums.Reach(cells, rest);
            low += (uint)cells[0] << shift;
            rest -= cells[1];
        }

        return low;
    }

    /// <summary>
    /// The first token at which the sum by rising index reaches the target: of the weights of all tokens left, or of the
    /// number of those at the end of what is left.
    /// </summary>
    public static int ByIndex<TMeasure>(
        ArrayView<float> logits, long start, int width, SampledRow row, float least, long target, ArrayView<long> cells)
        where TMeasure : struct, IMeasure
    {
        int low = 0, shift = width > 0 ? 0 : -1;
        for (int reach = BinSums.Bins; reach < width; reach *= BinSums.Bins)
        {
            shift += BinSums.Bits;
        }

        long rest = target;
        for (; shift >= 0; shift -= BinSums.Bits)
        {
            BinSums.Clear(cells);
            int count = Math.Min(width - low, BinSums.Bins << shift);
            for (int i = Group.IdxX; i < count; i += BinSums.Threads)
            {
                int token = low + i;
                float x = logits[start + token];
                uint below = row.Below(x);
                if (TMeasure.Weighs ? row.Keeps(below, token) : row.IsTied(below, token))
                {
                    BinSums.Add(cells, i >> shift, TMeasure.Weighs ? row.Weight(x, least) : 1);
                }
            }

            BinSums.Reach(cells, rest);
            low += (int)cells[0] << shift;
            rest -= cells[1];
        }

        return low;
    }
}
