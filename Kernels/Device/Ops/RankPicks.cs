using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>pack_picks and merge_picks: a thread per row.</summary>
public static class RankPicks
{
    private const int Threads = 64;
    private const int Words = 3;
    private const int NoNumber = 0x7fc00000;

    /// <summary>picks[r] = {first + token, its logit, its log-probability}, or {−1, NaN, NaN}.</summary>
    [Kernel("pack_picks", Threads, groups: "R/64")]
    public static void Pack(
        [Shape("R", "V")] ArrayView<float> logits,
        [Shape("R")] ArrayView<int> tokens,
        [Shape("R")] ArrayView<float> logProbabilities,
        [Shape("R", "3")] ArrayView<int> picks,
        [Extent("R")] int rows,
        [Extent("V")] int width,
        int first)
    {
        int row = (Grid.IdxX * Threads) + Group.IdxX, last = Math.Min(row, rows - 1), token = tokens[last];
        int logit = (int)Interop.FloatAsInt(logits[((long)last * width) + Math.Max(token, 0)]), probability = (int)Interop.FloatAsInt(logProbabilities[last]);
        if (row < rows)
        {
            picks[Words * row] = token < 0 ? -1 : first + token;
            picks[(Words * row) + 1] = token < 0 ? NoNumber : logit;
            picks[(Words * row) + 2] = token < 0 ? NoNumber : probability;
        }
    }

    /// <summary>The best of all ranks' picks, and its log-probability.</summary>
    [Kernel("merge_picks", Threads, groups: "R/64")]
    public static void Merge(
        [Shape("N", "3")] ArrayView<int> picks,
        [Shape("R")] ArrayView<int> tokens,
        [Shape("R")] ArrayView<float> logProbabilities,
        [Extent("N")] int all,
        [Extent("R")] int rows)
    {
        int row = (Grid.IdxX * Threads) + Group.IdxX, own = Math.Min(row, rows - 1), best = picks[Words * own], fault = best;
        float largest = Interop.IntAsFloat((uint)picks[(Words * own) + 1]);
        for (int at = own + rows; at < all; at += rows)
        {
            int token = picks[Words * at];
            float logit = Interop.IntAsFloat((uint)picks[(Words * at) + 1]);
            uint key = LogitOrder.Key(logit), before = LogitOrder.Key(largest);
            bool better = key > before || (key == before && token < best);
            best = better ? token : best;
            largest = better ? logit : largest;
            fault = Math.Min(fault, token);
        }

        float sum = 0;
        for (int at = own; at < all; at += rows)
        {
            sum += Scalar.Exp(Interop.IntAsFloat((uint)picks[(Words * at) + 1]) - largest - Interop.IntAsFloat((uint)picks[(Words * at) + 2]));
        }

        if (row < rows)
        {
            tokens[row] = fault < 0 ? -1 : best;
            logProbabilities[row] = fault < 0 ? float.NaN : -Scalar.Log(sum);
        }
    }
}
