using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Sorts the whole row.</summary>
internal sealed unsafe class TopLogProbabilitiesReference : TopLogProbabilities
{
    private protected override void Launch(Tensor logits, Tensor rows, Tensor best, Tensor bestValues, Tensor tokens, Tensor values)
    {
        int most = (int)tokens.Shape[1];
        for (int a = 0; a < (int)rows.Shape.Count; a++)
        {
            int r = ((int*)rows.Address)[a], likely = ((int*)best.Address)[r];
            double[] x = WeightReader.Widen(logits, r);
            float value = ((float*)bestValues.Address)[r];
            int[] order = [.. Enumerable.Range(0, x.Length).OrderByDescending(i => x[i]).Take(most)];
            for (int k = 0; k < most; k++)
            {
                int at = (a * most) + k;
                ((int*)tokens.Address)[at] = likely < 0 ? -1 : order[k];
                ((float*)values.Address)[at] = likely < 0 ? float.NaN
                    : order[k] == likely ? value : (float)Math.Max(value + (x[order[k]] - x[likely]), float.MinValue);
            }
        }
    }
}
