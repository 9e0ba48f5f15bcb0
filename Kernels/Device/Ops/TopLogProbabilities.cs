using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// top_log_probabilities: the first K tokens of the listed rows are found by <see cref="TokenBins"/> and sorted by a group
/// per row.
/// </summary>
public static class TopLogProbabilities
{
    private const int Threads = BinSums.Threads;
    private const int RowThreads = 64;

    /// <summary>What is looked for: K tokens of each row that has a best one.</summary>
    [Kernel("top_log_probabilities_begin", RowThreads, groups: "A/64")]
    public static void Begin(
        [Shape("R", "V")] ArrayView<float> logits,
        [Shape("A")] ArrayView<int> rows,
        [Shape("R")] ArrayView<int> best,
        [Shape("A", "18")] ArrayView<int> state,
        [Extent("A")] int count,
        [Extent("V")] int width,
        int most)
    {
        int asked = (Grid.IdxX * RowThreads) + Group.IdxX;
        if (asked < count)
        {
            int row = rows[asked], likely = best[row], at = asked * TokenRow.Columns;
            uint top = LogitOrder.Key(logits[((long)row * width) + Math.Max(likely, 0)]);
            state[at + TokenRow.Source] = row;
            state[at + TokenRow.Top] = (int)top;
            state[at + TokenRow.Limit] = likely < 0 ? 0 : most;
            state[at + TokenRow.Inverse] = 0;
            state[at + TokenRow.Share] = 0;
            state[at + TokenRow.Listed] = 0;
        }
    }

    /// <summary>The K most likely tokens by falling logit, ties to the lower index, and their log-probabilities.</summary>
    [Kernel("top_log_probabilities", Threads, groups: "A")]
    public static void Run(
        [Shape("R", "V")] ArrayView<float> logits,
        [Shape("R")] ArrayView<int> best,
        [Shape("R")] ArrayView<float> bestValues,
        [Shape("A", "18")] ArrayView<int> state,
        [Shape("A", "8192")] ArrayView<int> list,
        [Shape("A", "K")] ArrayView<int> tokens,
        [Shape("A", "K")] ArrayView<float> values,
        [Extent("V")] int width,
        [Extent("K")] int most)
    {
        ArrayView<long> places = SharedMemory.Allocate<long>(TokenOrder.Most);
        int thread = Group.IdxX, at = Grid.IdxX * TokenRow.Columns, row = state[at + TokenRow.Source], likely = best[row];
        int listed = likely < 0 ? 0 : state[at + TokenRow.Listed];
        bool isListed = listed <= TokenOrder.Most;
        TokenOrder.Sort(list, Grid.IdxX, isListed ? listed : 0, places);
        float value = bestValues[row];
        long start = (long)row * width, output = (long)Grid.IdxX * most;
        int turns = isListed ? (most + Threads - 1) / Threads : 0;
        for (int i = 0; i < turns; i++)
        {
            int k = (i * Threads) + thread;
            if (k < most)
            {
                int token = likely < 0 ? -1 : TokenOrder.Token(places[Math.Min(k, TokenOrder.Most - 1)]);
                tokens[output + k] = token;
                values[output + k] = ValueOf(logits, start, token, likely, value);
            }
        }

        // A row whose list would be too long: each pass over it finds the first token beyond the last one.
        long last = -1;
        int passes = isListed ? 0 : most;
        for (int k = 0; k < passes; k++)
        {
            long next = long.MaxValue;
            for (int v = thread; v < width; v += Threads)
            {
                long place = TokenOrder.Place(logits[start + v], v);
                next = place > last && place < next ? place : next;
            }

            Group.Barrier();
            places[thread] = next;
            for (int step = Threads / 2; step > 0; step /= 2)
            {
                Group.Barrier();
                if (thread < step)
                {
                    long other = places[thread + step];
                    places[thread] = other < places[thread] ? other : places[thread];
                }
            }

            Group.Barrier();
            last = places[0];
            if (thread == 0)
            {
                int token = TokenOrder.Token(last);
                tokens[output + k] = token;
                values[output + k] = ValueOf(logits, start, token, likely, value);
            }
        }
    }

    private static float ValueOf(ArrayView<float> logits, long start, int token, int likely, float value) =>
        likely < 0 ? float.NaN
            : token == likely ? value : LogProbability.Of(logits[start + Math.Max(token, 0)], logits[start + Math.Max(likely, 0)], value);
}
