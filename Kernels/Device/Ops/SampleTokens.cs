using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// sample_tokens: rows in parts of 4,096 logits, a group each, and between them kernels with a group per row. Weights are
/// whole numbers, so every sum and every comparison is exact: a row's token is a function of its own logits, settings and
/// random bits. Rows that do not ask for a filter pass through its kernels.
/// </summary>
public static class SampleTokens
{
    private const int Threads = BinSums.Threads;
    private const int Each = TokenBins.Part / Threads;
    private const int SettingColumns = 3;

    // Upper 53 of 64 random bits.
    private const ulong Used = ~0x7ffUL;

    /// <summary>The number of each part's largest logit; more than any of them where one is NaN or +∞.</summary>
    [Kernel("sample_tokens_largest", Threads, groups: "S", groupsY: "P")]
    public static void Largest(
        [Shape("S", "V")] ArrayView<float> logits,
        [Shape("S", "P")] ArrayView<int> largest,
        [Extent("V")] int width,
        [Extent("P")] int parts)
    {
        ArrayView<uint> shared = SharedMemory.Allocate<uint>(Threads);
        long start = (long)Grid.IdxX * width;
        int turns = FourLogits.Turns(Grid.IdxY, width);
        uint most = 0;
        for (int turn = 0; turn < turns; turn++)
        {
            FourLogits x = FourLogits.Read(logits, start, Grid.IdxY, turn, width);
            for (int i = 0; i < FourLogits.Count; i++)
            {
                uint key = LogitOrder.Key(x[i]);
                key = LogitOrder.IsFault(key) ? uint.MaxValue : key;
                most = key > most ? key : most;
            }
        }

        most = Most(shared, most);
        if (Group.IdxX == 0)
        {
            largest[((long)Grid.IdxX * parts) + Grid.IdxY] = (int)most;
        }
    }

    /// <summary>The largest logit, what is looked for, and a cut that keeps all that is not banned: for greedy rows, all that is largest.</summary>
    [Kernel("sample_tokens_begin", Threads, groups: "S")]
    public static void Begin(
        [Shape("S", "P")] ArrayView<int> largest,
        [Shape("S", "3")] ArrayView<float> settings,
        [Shape("S")] ArrayView<int> topK,
        [Shape("S", "18")] ArrayView<int> state,
        [Extent("P")] int parts,
        int width)
    {
        ArrayView<uint> shared = SharedMemory.Allocate<uint>(Threads);
        int thread = Group.IdxX, row = Grid.IdxX, at = row * TokenRow.Columns;
        uint most = 0;
        for (int p = thread; p < parts; p += Threads)
        {
            uint key = (uint)largest[((long)row * parts) + p];
            most = key > most ? key : most;
        }

        uint top = Most(shared, most);
        top = top == uint.MaxValue ? LogitOrder.Banned : top;
        if (thread == 0)
        {
            float temperature = settings[row * SettingColumns], share = settings[(row * SettingColumns) + 1], inverse = 1 / temperature;
            int k = topK[row];

            // By the bits: a device may take the smallest temperatures for 0.
            bool greedy = Interop.FloatAsInt(temperature) == 0 || k == 1, searches = top > LogitOrder.Banned && !greedy;
            state[at + TokenRow.Source] = row;
            state[at + TokenRow.Top] = (int)top;
            state[at + TokenRow.Limit] = !searches ? 0 : k > 0 && k < width ? k : share < 1 ? TokenRow.ByWeight : 0;
            state[at + TokenRow.Inverse] = (int)Interop.FloatAsInt(inverse > float.MaxValue ? float.MaxValue : inverse);
            state[at + TokenRow.Share] = (int)Interop.FloatAsInt(share);
            state[at + TokenRow.Greedy] = greedy ? 1 : 0;

            // Before −∞, or at the largest: index −1 keeps nothing of what lies there.
            state[at + TokenRow.Cut] = greedy ? 0 : (int)(top - LogitOrder.Banned);
            state[at + TokenRow.Cut + 1] = greedy ? width - 1 : -1;
        }
    }

    /// <summary>Moves the cut to where the first k tokens end, then to where the first of them weigh enough.</summary>
    [Kernel("sample_tokens_cut", Threads, groups: "S")]
    public static void Cut(
        [Shape("S", "18")] ArrayView<int> state,
        [Shape("S", "8192")] ArrayView<int> list,
        float scale)
    {
        ArrayView<long> cells = SharedMemory.Allocate<long>(BinSums.Cells);
        ArrayView<long> sums = SharedMemory.Allocate<long>(Threads);
        int thread = Group.IdxX, row = Grid.IdxX, at = row * TokenRow.Columns;
        SampledRow tokens = SampledRow.Read(state, row, scale);
        int limit = state[at + TokenRow.Limit], listed = state[at + TokenRow.Listed];
        float share = Interop.IntAsFloat((uint)state[at + TokenRow.Share]);
        bool isListed = limit != 0 && listed <= TokenBins.MostListed, counts = limit > 0;
        listed = isListed ? listed : 0;
        int size = TokenOrder.Sort(list, row, listed, cells), each = size / Threads;
        int left = counts ? Math.Min(limit, listed) : listed;
        long own = 0;
        for (int i = 0; i < each; i++)
        {
            int place = (thread * each) + i;
            own += place < left ? tokens.Weight(TokenOrder.Logit(cells[place]), 0) : 0;
        }

        long through = GroupScan.Through(sums, own), total = sums[Threads - 1];
        long target = !counts ? TokenRow.Read(state, at + TokenRow.Missing) : share < 1 ? WideProduct.Share(share, total) : total;
        long sum = through - own;
        if (isListed && sum < target && through >= target)
        {
            int place = (thread * each) - 1;
            while (sum < target)
            {
                place++;
                sum += tokens.Weight(TokenOrder.Logit(cells[place]), 0);
            }

            tokens.CutAt(tokens.Below(TokenOrder.Logit(cells[place])), TokenOrder.Token(cells[place]));
            tokens.Write(state, row);
        }
    }

    /// <summary>The same for rows whose lists would be too long.</summary>
    [Kernel("sample_tokens_search", Threads, groups: "S")]
    public static void Search(
        [Shape("S", "V")] ArrayView<float> logits,
        [Shape("S", "18")] ArrayView<int> state,
        [Extent("V")] int width,
        float scale)
    {
        ArrayView<long> cells = SharedMemory.Allocate<long>(BinSums.Cells);
        int row = Grid.IdxX, at = row * TokenRow.Columns, limit = state[at + TokenRow.Limit];
        bool isLong = limit != 0 && state[at + TokenRow.Listed] > TokenBins.MostListed;
        float share = Interop.IntAsFloat((uint)state[at + TokenRow.Share]);
        SampledRow tokens = SampledRow.Read(state, row, scale);
        for (int filter = 0; filter < 2; filter++)
        {
            int most = filter == 0 ? Math.Max(limit, 1) : 0;
            bool asks = isLong && (filter == 0 ? limit > 0 : share < 1);
            tokens = TokenSearch.Cut(logits, (long)row * width, asks ? width : 0, tokens, most, share < 1 ? share : 0.5f, cells);
        }

        if (Group.IdxX == 0 && isLong)
        {
            tokens.Write(state, row);
        }
    }

    /// <summary>The weight of what is left in each part, without what min-p drops.</summary>
    [Kernel("sample_tokens_sums", Threads, groups: "S", groupsY: "P")]
    public static void Sums(
        [Shape("S", "V")] ArrayView<float> logits,
        [Shape("S", "3")] ArrayView<float> settings,
        [Shape("S", "18")] ArrayView<int> state,
        [Shape("S", "P", "2")] ArrayView<int> sums,
        [Extent("V")] int width,
        [Extent("P")] int parts,
        float scale)
    {
        ArrayView<long> shared = SharedMemory.Allocate<long>(Threads);
        int row = Grid.IdxX, turns = FourLogits.Turns(Grid.IdxY, width);
        SampledRow left = SampledRow.Read(state, row, scale);
        float least = settings[(row * SettingColumns) + 2];
        long start = (long)row * width, sum = 0;
        for (int turn = 0; turn < turns; turn++)
        {
            FourLogits x = FourLogits.Read(logits, start, Grid.IdxY, turn, width);
            for (int i = 0; i < FourLogits.Count; i++)
            {
                long weight = left.Kept(x[i], x.Token(i), least);
                sum += x.Token(i) < width ? weight : 0;
            }
        }

        GroupScan.Through(shared, sum);
        if (Group.IdxX == 0)
        {
            TokenRow.Write(sums, (((long)row * parts) + Grid.IdxY) * 2, shared[Threads - 1]);
        }
    }

    /// <summary>The token at which the running sum of what is left exceeds u of it all.</summary>
    [Kernel("sample_tokens_draw", Threads, groups: "S")]
    public static void Draw(
        [Shape("S", "V")] ArrayView<float> logits,
        [Shape("S")] ArrayView<int> rows,
        [Shape("S", "3")] ArrayView<float> settings,
        [Shape("S", "2")] ArrayView<int> draws,
        [Shape("S", "18")] ArrayView<int> state,
        [Shape("S", "P", "2")] ArrayView<int> sums,
        [Shape("R")] ArrayView<int> tokens,
        [Extent("V")] int width,
        [Extent("P")] int parts,
        float scale)
    {
        ArrayView<long> shared = SharedMemory.Allocate<long>(Threads);
        ArrayView<long> found = SharedMemory.Allocate<long>(2);
        int thread = Group.IdxX, row = Grid.IdxX;
        SampledRow left = SampledRow.Read(state, row, scale);
        float least = settings[(row * SettingColumns) + 2];
        ulong draw = ((ulong)(uint)draws[(2 * row) + 1] << 32) | (uint)draws[2 * row];
        int each = (parts + Threads - 1) / Threads;
        long place = (long)row * parts, own = 0;
        for (int i = 0; i < each; i++)
        {
            int part = (thread * each) + i;
            long weight = TokenRow.Read(sums, (place + Math.Min(part, parts - 1)) * 2);
            own += part < parts ? weight : 0;
        }

        if (thread == 0)
        {
            found[0] = 0;
        }

        long through = GroupScan.Through(shared, own), total = shared[Threads - 1], sum = through - own;

        // The sums are whole numbers: above u · total is at ⌊u · total⌋ + 1.
        long target = state[(row * TokenRow.Columns) + TokenRow.Greedy] != 0 ? 1 : (long)WideProduct.High(draw & Used, (ulong)total) + 1;
        if (sum < target && through >= target)
        {
            int part = thread * each;
            long next = sum + TokenRow.Read(sums, (place + part) * 2);
            while (next < target)
            {
                part++;
                sum = next;
                next += TokenRow.Read(sums, (place + part) * 2);
            }

            found[0] = part;
            found[1] = target - sum;
        }

        Group.Barrier();

        // A fault's row has no weights, and its first part is as good as any.
        int first = ((int)found[0] * TokenBins.Part) + (thread * Each);
        target = found[1];
        long start = (long)row * width;
        own = 0;
        for (int i = 0; i < Each; i++)
        {
            int token = first + i;
            long weight = left.Kept(logits[start + Math.Min(token, width - 1)], token, least);
            own += token < width ? weight : 0;
        }

        through = GroupScan.Through(shared, own);
        sum = through - own;
        int to = rows[row];
        if (tokens[to] >= 0)
        {
            if (!left.IsGood)
            {
                if (thread == 0)
                {
                    tokens[to] = -1;
                }
            }
            else if (sum < target && through >= target)
            {
                int token = first - 1;
                while (sum < target)
                {
                    token++;
                    sum += left.Kept(logits[start + token], token, least);
                }

                tokens[to] = token;
            }
        }
    }

    // The largest over all threads.
    private static uint Most(ArrayView<uint> shared, uint own)
    {
        int thread = Group.IdxX;
        shared[thread] = own;
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
        return shared[0];
    }
}
