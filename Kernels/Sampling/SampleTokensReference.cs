using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Sorts the whole row, then filters and walks as the contract says; weights are not rounded.</summary>
internal sealed unsafe class SampleTokensReference : SampleTokens
{
    private protected override void Launch(Tensor logits, Tensor rows, Tensor settings, Tensor topK, Tensor draws, Tensor tokens)
    {
        for (long s = 0; s < logits.Shape[0]; s++)
        {
            int* token = (int*)tokens.Address + ((int*)rows.Address)[s];
            float* setting = (float*)settings.Address + (s * SettingColumns);
            int* draw = (int*)draws.Address + (s * DrawColumns);
            if (*token >= 0)
            {
                double u = Philox.Uniform(((ulong)(uint)draw[1] << 32) | (uint)draw[0]);
                *token = Pick(WeightReader.Widen(logits, s), setting[0], ((int*)topK.Address)[s], setting[1], setting[2], u);
            }
        }
    }

    private static int Pick(double[] x, double temperature, int topK, double topP, double minP, double u)
    {
        double maximum = x.Max();
        if (x.Any(double.IsNaN) || double.IsInfinity(maximum))
        {
            return -1;
        }

        // A stable sort keeps the lower index first among ties.
        int[] order = [.. Enumerable.Range(0, x.Length).OrderByDescending(i => x[i])];
        if (temperature == 0)
        {
            return order[0];
        }

        double[] e = [.. x.Select(value => Math.Exp((value - maximum) / temperature))];
        int kept = topK > 0 ? Math.Min(topK, x.Length) : x.Length;
        double target = topP * order.Take(kept).Sum(i => e[i]), mass = 0;
        for (int i = 0; i < kept && topP < 1; i++)
        {
            mass += e[order[i]];
            kept = mass >= target ? i + 1 : kept;
        }

        int[] left = [.. order.Take(kept).Where(i => e[i] >= minP && e[i] > 0).Order()];
        target = u * left.Sum(i => e[i]);
        mass = 0;
        foreach (int i in left)
        {
            mass += e[i];
            if (mass > target)
            {
                return i;
            }
        }

        return left[^1];
    }
}
