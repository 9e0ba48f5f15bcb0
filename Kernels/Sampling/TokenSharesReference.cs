using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Token by token; weights come from f64 and are rounded as the contract says.</summary>
internal sealed unsafe class TokenSharesReference : TokenShares
{
    private protected override void LaunchBins(Tensor logits, Tensor rows, Tensor settings, Tensor prefixes, int digit, int vocabulary, Tensor bins)
    {
        for (int i = 0; i < rows.Shape.Count; i++)
        {
            Span<long> own = new((long*)bins.Address + ((long)i * Bins * BinColumns), Bins * BinColumns);
            own.Clear();
            uint prefix = (uint)((int*)prefixes.Address)[i];
            double maximum = Setting(settings, i, 0), temperature = Setting(settings, i, 1), least = maximum - (30 * temperature);
            foreach (float x in Row(logits, rows, i))
            {
                ulong key = Key(x);
                if (x >= least && (digit == 0 || key >> (ShiftOf(digit) + 8) == prefix))
                {
                    int bin = (int)(key >> ShiftOf(digit)) & (Bins - 1);
                    own[bin * BinColumns]++;
                    own[(bin * BinColumns) + 1] += Weight(x, maximum, temperature, 0, vocabulary);
                }
            }
        }
    }

    private protected override void LaunchSums(Tensor logits, Tensor rows, Tensor settings, Tensor cuts, int vocabulary, Tensor sums)
    {
        for (int i = 0; i < rows.Shape.Count; i++)
        {
            (long ties, long above) = (0, 0);
            foreach (float x in Row(logits, rows, i))
            {
                ties += x == Setting(cuts, i, 0) ? 1 : 0;
                above += x > Setting(cuts, i, 0) ? Weight(x, Setting(settings, i, 0), Setting(settings, i, 1), Setting(cuts, i, 1), vocabulary) : 0;
            }

            (((long*)sums.Address)[BinColumns * i], ((long*)sums.Address)[(BinColumns * i) + 1]) = (ties, above);
        }
    }

    private protected override void LaunchDraw(Tensor logits, Tensor rows, Tensor settings, Tensor cuts, Tensor ties, Tensor targets, int vocabulary, Tensor tokens)
    {
        for (int i = 0; i < rows.Shape.Count; i++)
        {
            ReadOnlySpan<float> row = Row(logits, rows, i);
            long sum = 0, left = ((int*)ties.Address)[i];
            int token = -1;
            while (sum <= ((long*)targets.Address)[i] && ++token < row.Length)
            {
                bool kept = row[token] > Setting(cuts, i, 0) || (row[token] == Setting(cuts, i, 0) && left-- > 0);
                sum += kept ? Weight(row[token], Setting(settings, i, 0), Setting(settings, i, 1), Setting(cuts, i, 1), vocabulary) : 0;
            }

            ((int*)tokens.Address)[i] = token;
        }
    }

    private static ReadOnlySpan<float> Row(Tensor logits, Tensor rows, int i) =>
        new((float*)logits.Address + (((int*)rows.Address)[i] * logits.Shape[1]), (int)logits.Shape[1]);

    private static float Setting(Tensor settings, int row, int column) => ((float*)settings.Address)[(2 * row) + column];

    private static long Weight(float x, double maximum, double temperature, double minP, int vocabulary)
    {
        double e = Math.Exp((x - maximum) / temperature);
        return e < minP ? 0 : (long)Math.Round(e * Math.ScaleB(1, SampleTokens.WeightBits(vocabulary)));
    }
}
