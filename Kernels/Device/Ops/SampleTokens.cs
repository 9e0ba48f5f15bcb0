using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// sample_tokens: a group per row. Weights are whole numbers, so every sum and every comparison is exact: a row's token is a
/// function of its own logits, settings and random bits. Rows that do not ask for a filter pass through its kernel.
/// </summary>
public static class SampleTokens
{
    private const int Threads = BinSums.Threads;
    private const int SettingColumns = 3;

    // Upper 53 of 64 random bits.
    private const ulong Used = ~0x7ffUL;

    /// <summary>The largest logit, and a cut that keeps all that is not banned: for greedy rows, all that is largest.</summary>
    [Kernel("sample_tokens_largest", Threads, groups: "S")]
    public static void Largest(
        [Shape("S", "V")] ArrayView<float> logits,
        [Shape("S", "3")] ArrayView<float> settings,
        [Shape("S")] ArrayView<int> topK,
        [Shape("S", "3")] ArrayView<int> state,
        [Extent("V")] int width)
    {
        ArrayView<uint> shared = SharedMemory.Allocate<uint>(Threads);
        int thread = Group.IdxX, row = Grid.IdxX;
        long start = (long)row * width;
        uint largest = 0, fault = 0;
        for (int v = thread; v < width; v += Threads)
        {
            uint key = LogitOrder.Key(logits[start + v]);
            fault = LogitOrder.IsFault(key) ? 1u : fault;
            largest = key > largest ? key : largest;
        }

        // A fault is larger than every logit.
        shared[thread] = fault != 0 ? uint.MaxValue : largest;
        for (int step = Threads / 2; step > 0; step /= 2)
        {
            Group.Barrier();
            if (thread < step)
            {
                uint other = shared[thread + step];
                shared[thread] = other > shared[thread] ? other : shared[thread];
            }
        }

        Group.Barrier();
        if (thread == 0)
        {
            uint top = shared[0] == uint.MaxValue ? LogitOrder.Banned : shared[0];
            state[row * SampledRow.StateColumns] = (int)top;
            SampledRow all = SampledRow.Read(state, settings, topK, row, 1);

            // Before −∞, or at the largest: index −1 keeps nothing of what lies there.
            all.CutAt(all.IsGreedy ? 0 : top - LogitOrder.Banned, all.IsGreedy ? width - 1 : -1);
            all.Write(state, row);
        }
    }

    /// <summary>Top-k where tokens are counted, top-p where they are weighed: moves the cut to where the first tokens are enough.</summary>
    [Kernel("sample_tokens_cut", Threads, groups: "S")]
    [Instance("top_k", typeof(Counted))]
    [Instance("top_p", typeof(Weighed))]
    public static void Cut<TMeasure>(
        [Shape("S", "V")] ArrayView<float> logits,
        [Shape("S", "3")] ArrayView<float> settings,
        [Shape("S")] ArrayView<int> topK,
        [Shape("S", "3")] ArrayView<int> state,
        [Extent("V")] int width,
        float scale)
        where TMeasure : struct, IMeasure
    {
        ArrayView<long> cells = SharedMemory.Allocate<long>(BinSums.Cells);
        int row = Grid.IdxX;
        SampledRow tokens = SampledRow.Read(state, settings, topK, row, scale);
        float share = settings[(row * SettingColumns) + 1];
        int most = topK[row];
        bool asks = TMeasure.Weighs ? share < 1 : most > 0 && most < width;

        // A row that does not ask goes over none of its logits.
        int seen = asks && tokens.IsGood && !tokens.IsGreedy ? width : 0;
        long start = (long)row * width;
        long target = TMeasure.Weighs
            ? WideProduct.Share(share < 1 ? share : 0.5f, TokenSearch.Total(logits, start, seen, tokens, 0, cells))
            : most;
        uint below = TokenSearch.ByLogit<TMeasure>(logits, start, seen, tokens, target, cells, out long rest);
        long weight = tokens.Weight(tokens.At(below), 0);
        long rank = !TMeasure.Weighs || weight == 0 ? rest : (rest + weight - 1) / weight;
        SampledRow tied = tokens;
        tied.CutAt(below, width);
        int last = TokenSearch.ByIndex<Counted>(logits, start, seen, tied, 0, rank, cells);
        if (Group.IdxX == 0 && seen > 0)
        {
            tied.CutAt(below, last);
            tied.Write(state, row);
        }
    }

    /// <summary>The token at which the running sum of what is left, without what min-p drops, exceeds u of it all.</summary>
    [Kernel("sample_tokens_draw", Threads, groups: "S")]
    public static void Draw(
        [Shape("S", "V")] ArrayView<float> logits,
        [Shape("S")] ArrayView<int> rows,
        [Shape("S", "3")] ArrayView<float> settings,
        [Shape("S")] ArrayView<int> topK,
        [Shape("S", "2")] ArrayView<int> draws,
        [Shape("S", "3")] ArrayView<int> state,
        [Shape("R")] ArrayView<int> tokens,
        [Extent("V")] int width,
        float scale)
    {
        ArrayView<long> cells = SharedMemory.Allocate<long>(BinSums.Cells);
        int row = Grid.IdxX;
        SampledRow left = SampledRow.Read(state, settings, topK, row, scale);
        float least = settings[(row * SettingColumns) + 2];
        int seen = left.IsGood ? width : 0;
        long start = (long)row * width;
        long total = TokenSearch.Total(logits, start, seen, left, least, cells);
        ulong draw = ((ulong)(uint)draws[(2 * row) + 1] << 32) | (uint)draws[2 * row];

        // The sums are whole numbers: above u · total is at ⌊u · total⌋ + 1.
        long target = left.IsGreedy ? 1 : (long)WideProduct.High(draw & Used, (ulong)total) + 1;
        int token = TokenSearch.ByIndex<Weighed>(logits, start, seen, left, least, target, cells);
        int place = rows[row];
        if (Group.IdxX == 0 && tokens[place] >= 0)
        {
            tokens[place] = seen > 0 ? token : -1;
        }
    }
}
