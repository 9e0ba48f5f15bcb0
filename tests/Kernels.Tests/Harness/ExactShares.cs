namespace Lean.Kernels.Tests;

/// <summary>The probabilities that sample_tokens draws from, by the definitions in f64: sort, cut, divide.</summary>
public static class ExactShares
{
    /// <summary>The probability of every token; 0 for those that the filters drop.</summary>
    public static double[] Of(float[] logits, SamplingCases.Setting setting)
    {
        double maximum = logits.Max();
        double[] p = [.. logits.Select(x => Math.Exp((x - maximum) / setting.Temperature))];
        List<int> kept = [.. Enumerable.Range(0, p.Length).Where(i => !float.IsNegativeInfinity(logits[i])).OrderBy(i => -logits[i]).ThenBy(i => i)];
        if (setting.TopK > 0 && setting.TopK < kept.Count)
        {
            kept.RemoveRange(setting.TopK, kept.Count - setting.TopK);
        }

        double whole = kept.Sum(i => p[i]), sum = 0;
        int nucleus = kept.FindIndex(i => (sum += p[i] / whole) >= (float)setting.TopP) + 1;
        if (setting.TopP < 1 && nucleus > 0)
        {
            kept.RemoveRange(nucleus, kept.Count - nucleus);
        }

        kept.RemoveAll(i => p[i] < (float)setting.MinP);
        whole = kept.Sum(i => p[i]);
        double[] shares = new double[p.Length];
        kept.ForEach(i => shares[i] = p[i] / whole);
        return shares;
    }
}
