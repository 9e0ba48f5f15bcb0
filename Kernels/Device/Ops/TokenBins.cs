using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// Finds where a row's first tokens end, k of them or a share of their weights, with the row spread over groups: each takes
/// a part of 4,096 logits. Logits fall into 4,096 bins by their distance from the largest; three passes find the bin of the
/// boundary, four bits each, and what is left to decide is listed. Counts and weights are whole numbers: neither the parts
/// nor their order show in a sum. A pass leaves sixteen sums for each part, which the groups of the next one add up, each
/// for itself.
/// </summary>
public static class TokenBins
{
    /// <summary>The most tokens that are listed; a row that has more is searched by one group (<see cref="TokenSearch"/>).</summary>
    public const int MostListed = 4096;

    /// <summary>Logits of a part.</summary>
    public const int Part = 4 * FourLogits.Turn;

    private const int Threads = BinSums.Threads;
    private const int PassColumns = 2 * (BinSums.Bins + 1);
    private const int Passes = 3;

    // A bin's weight stands above its number of tokens.
    private const int CountBits = 13;
    private const long CountMask = (1L << CountBits) - 1;

    /// <summary>
    /// One pass: the tokens and weights of a part in sixteen bins of the interval, and the number of its tokens before the
    /// interval.
    /// </summary>
    [Kernel("token_bins", Threads, groups: "S", groupsY: "P")]
    [Instance("first", typeof(FirstPass))]
    [Instance("next", typeof(NextPass))]
    public static void Pass<TPass>(
        [Shape("R", "V")] ArrayView<float> logits,
        [Shape("S", "18")] ArrayView<int> state,
        [Shape("S", "P", "34")] ArrayView<int> before,
        [Shape("S", "P", "34")] ArrayView<int> sums,
        [Extent("V")] int width,
        [Extent("P")] int parts,
        float scale,
        int pass)
        where TPass : struct, IPass
    {
        ArrayView<long> cells = SharedMemory.Allocate<long>(BinSums.Cells);
        int thread = Group.IdxX, row = Grid.IdxX, at = row * TokenRow.Columns;
        long own = (((long)row * parts) + Grid.IdxY) * PassColumns;
        SampledRow tokens = SampledRow.Read(state, row, scale);
        TokenDistance distance = TokenDistance.Read(state, row);
        bool asks = state[at + TokenRow.Limit] != 0;
        int low = 0, taken = 0, shift = BinSums.Bits * (Passes - 1);
        if (!TPass.IsFirst)
        {
            int digit = Narrow(before, state, row, parts, pass, cells, out low, out long rest);
            taken = Before(before, own, digit);
            shift -= BinSums.Bits * pass;
            if (thread == 0 && Grid.IdxY == 0)
            {
                state[at + TokenRow.Interval(pass)] = low;
                TokenRow.Write(state, at + TokenRow.Interval(pass) + 1, rest);
            }
        }

        BinSums.Clear(cells);
        if (asks)
        {
            long start = (long)state[at + TokenRow.Source] * width;
            int turns = FourLogits.Turns(Grid.IdxY, width);
            for (int turn = 0; turn < turns; turn++)
            {
                FourLogits x = FourLogits.Read(logits, start, Grid.IdxY, turn, width);
                for (int i = 0; i < FourLogits.Count; i++)
                {
                    int bin = (distance.Bin(x[i]) - low) >> shift;
                    if (bin >= 0 && bin < BinSums.Bins && x.Token(i) < width)
                    {
                        long weight = distance.IsByWeight ? tokens.Weight(x[i], 0) : 0;
                        BinSums.Add(cells, bin, (weight << CountBits) + 1);
                    }
                }
            }
        }

        long sum = BinSums.Sum(cells);
        if (thread < BinSums.Bins)
        {
            TokenRow.Write(sums, own + (2 * thread), sum);
        }

        if (thread == BinSums.Bins)
        {
            TokenRow.Write(sums, own + (2 * thread), taken);
        }
    }

    /// <summary>
    /// Lists the tokens among which the end is still to be found: where they are counted, all up to the boundary's bin; where
    /// they are weighed, those in it.
    /// </summary>
    [Kernel("token_list", Threads, groups: "S", groupsY: "P")]
    public static void List(
        [Shape("R", "V")] ArrayView<float> logits,
        [Shape("S", "18")] ArrayView<int> state,
        [Shape("S", "P", "34")] ArrayView<int> before,
        [Shape("S", "8192")] ArrayView<int> list,
        [Extent("V")] int width,
        [Extent("P")] int parts)
    {
        ArrayView<long> cells = SharedMemory.Allocate<long>(BinSums.Cells);
        ArrayView<int> counts = SharedMemory.Allocate<int>(Threads);
        int thread = Group.IdxX, row = Grid.IdxX, at = row * TokenRow.Columns;
        TokenDistance distance = TokenDistance.Read(state, row);
        int digit = Narrow(before, state, row, parts, Passes, cells, out int bin, out long rest);

        // How many each part lists: thread by thread over the parts, those before this one in the upper half.
        long listed = 0;
        int turns = (parts + Threads - 1) / Threads;
        for (int i = 0; i < turns; i++)
        {
            int p = (i * Threads) + thread;
            long place = (((long)row * parts) + Math.Min(p, parts - 1)) * PassColumns;
            long here = distance.IsByWeight ? TokenRow.Read(before, place + (2 * digit)) & CountMask : Before(before, place, digit + 1);
            here = p < parts ? here : 0;
            listed += here + (p < Grid.IdxY ? here << 32 : 0);
        }

        GroupScan.Through(cells, listed);
        listed = cells[Threads - 1];
        int total = (int)listed, next = (int)(listed >> 32), found = 0;
        long start = (long)state[at + TokenRow.Source] * width;
        int least = distance.IsByWeight ? bin : 0, most = state[at + TokenRow.Limit] != 0 && total <= MostListed ? bin : -1;
        turns = FourLogits.Turns(Grid.IdxY, width);
        int count = 0;
        for (int turn = 0; turn < turns; turn++)
        {
            FourLogits x = FourLogits.Read(logits, start, Grid.IdxY, turn, width);
            for (int i = 0; i < FourLogits.Count; i++)
            {
                int other = distance.Bin(x[i]);
                bool here = other <= most && other >= least && x.Token(i) < width;
                found += here ? 1 << ((turn * FourLogits.Count) + i) : 0;
                count += here ? 1 : 0;
            }
        }

        next += GroupScan.Through(counts, count) - count;
        for (int token = (Grid.IdxY * Part) + thread; found != 0; token += Threads)
        {
            if ((found & 1) != 0)
            {
                TokenRow.Write(list, (((long)row * MostListed) + next) * 2, TokenOrder.Place(logits[start + token], token));
                next++;
            }

            found = (int)((uint)found >> 1);
        }

        if (thread == 0 && Grid.IdxY == 0)
        {
            state[at + TokenRow.Listed] = total;
            TokenRow.Write(state, at + TokenRow.Missing, rest);
        }
    }

    // The tokens of a part in the bins before one, and before the pass's interval.
    private static int Before(ArrayView<int> sums, long part, int bin)
    {
        long taken = TokenRow.Read(sums, part + (2 * BinSums.Bins));
        for (int i = 0; i < BinSums.Bins; i++)
        {
            long here = TokenRow.Read(sums, part + (2 * i)) & CountMask;
            taken += i < bin ? here : 0;
        }

        return (int)taken;
    }

    // The bin of the last pass that holds the boundary, where it begins, and what is missing there.
    private static int Narrow(
        ArrayView<int> sums, ArrayView<int> state, int row, int parts, int pass, ArrayView<long> cells, out int low, out long rest)
    {
        const int lanes = Threads / BinSums.Bins;
        int thread = Group.IdxX, bin = thread % BinSums.Bins, at = row * TokenRow.Columns, limit = state[at + TokenRow.Limit];
        bool byWeight = limit == TokenRow.ByWeight;
        long own = 0;
        int turns = (parts + lanes - 1) / lanes;
        for (int i = 0; i < turns; i++)
        {
            int p = (i * lanes) + (thread / BinSums.Bins);
            long here = TokenRow.Read(sums, ((((long)row * parts) + Math.Min(p, parts - 1)) * PassColumns) + (2 * bin));
            here = byWeight ? here >> CountBits : here & CountMask;
            own += p < parts ? here : 0;
        }

        cells[thread] = own;
        Group.Barrier();
        long whole = 0;
        for (int lane = 0; lane < lanes; lane++)
        {
            whole += cells[bin + (lane * BinSums.Bins)];
        }

        Group.Barrier();
        cells[thread] = whole;
        Group.Barrier();
        long total = 0;
        for (int i = 0; i < BinSums.Bins; i++)
        {
            total += cells[i];
        }

        float share = Interop.IntAsFloat((uint)state[at + TokenRow.Share]);
        low = pass > 1 ? state[at + TokenRow.Interval(pass - 1)] : 0;
        rest = pass > 1 ? TokenRow.Read(state, at + TokenRow.Interval(pass - 1) + 1)
            : byWeight ? WideProduct.Share(share, total) : limit;
        long sum = 0;
        int digit = 0;
        for (int i = 0; i < BinSums.Bins - 1; i++)
        {
            long through = sum + cells[i];
            bool beyond = through < rest && digit == i;
            digit = beyond ? i + 1 : digit;
            sum = beyond ? through : sum;
        }

        low += digit << (BinSums.Bits * (Passes - pass));
        rest -= sum;
        return digit;
    }
}
