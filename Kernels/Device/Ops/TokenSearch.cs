using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// Where a row's first tokens end, found by one group four bits at a time: each pass over the row sums sixteen bins of what
/// is left. For rows whose boundary lies among more tokens than are listed (<see cref="TokenBins"/>): ties of thousands of
/// tokens, k of thousands. A row of width 0 takes no pass, and what is then found means nothing.
/// </summary>
public static class TokenSearch
{
    private const int OrderBits = 32;

    /// <summary>
    /// Moves the cut to the first <paramref name="most"/> tokens, or, where it is 0, to those that weigh
    /// <paramref name="share"/> of all.
    /// </summary>
    public static SampledRow Cut(ArrayView<float> logits, long start, int width, SampledRow row, int most, float share, ArrayView<long> cells)
    {
        bool weighs = most == 0;
        long total = Total(logits, start, weighs ? width : 0, row, cells);
        uint below = ByLogit(logits, start, width, row, weighs, weighs ? WideProduct.Share(share, total) : most, cells, out long rest);
        long weight = row.Weight(row.At(below), 0);
        long rank = !weighs || weight == 0 ? rest : (rest + weight - 1) / weight;
        SampledRow tied = row;
        tied.CutAt(below, int.MaxValue);
        int last = ByIndex(logits, start, width, tied, rank, cells);
        tied.CutAt(width > 0 ? below : row.End, width > 0 ? last : row.Last);
        return tied;
    }

    // The weight of all tokens left.
    private static long Total(ArrayView<float> logits, long start, int width, SampledRow row, ArrayView<long> cells)
    {
        BinSums.Clear(cells);
        long sum = 0;
        for (int v = Group.IdxX; v < width; v += BinSums.Threads)
        {
            sum += row.Kept(logits[start + v], v, 0);
        }

        BinSums.Add(cells, 0, sum);
        BinSums.Reach(cells, 0);
        return cells[2];
    }

    // How far below the largest logit the tokens left come to the target, by falling logit, and what is still missing before
    // that logit.
    private static uint ByLogit(
        ArrayView<float> logits, long start, int width, SampledRow row, bool weighs, long target, ArrayView<long> cells, out long rest)
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
                    BinSums.Add(cells, (int)bin, weighs ? row.Weight(x, 0) : 1);
                }
            }

            BinSums.Reach(cells, rest);
            low += (uint)cells[0] << shift;
            rest -= cells[1];
        }

        return low;
    }

    // The token of a number, counted from 1 by rising index, among those at the end of what is left.
    private static int ByIndex(ArrayView<float> logits, long start, int width, SampledRow row, long number, ArrayView<long> cells)
    {
        int low = 0, shift = width > 0 ? 0 : -1;
        for (int reach = BinSums.Bins; reach < width; reach *= BinSums.Bins)
        {
            shift += BinSums.Bits;
        }

        long rest = number;
        for (; shift >= 0; shift -= BinSums.Bits)
        {
            BinSums.Clear(cells);
            int count = Math.Min(width - low, BinSums.Bins << shift);
            for (int i = Group.IdxX; i < count; i += BinSums.Threads)
            {
                int token = low + i;
                if (row.IsTied(row.Below(logits[start + token]), token))
                {
                    BinSums.Add(cells, i >> shift, 1);
                }
            }

            BinSums.Reach(cells, rest);
            low += (int)cells[0] << shift;
            rest -= cells[1];
        }

        return low;
    }
}
