using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>K passes for the largest logit not yet taken; softmax is monotonic, so that is the order of p.</summary>
internal sealed unsafe class ExpertRouterReference : ExpertRouter
{
    private protected override void Launch(Tensor logits, bool renormalise, Tensor experts, Tensor weights)
    {
        long topK = experts.Shape[1];
        for (long t = 0; t < logits.Shape[0]; t++)
        {
            double[] row = WeightReader.Widen(logits, t);
            int* chosen = (int*)experts.Address + (t * topK);
            float* w = (float*)weights.Address + (t * topK);
            if (row.Any(double.IsNaN))
            {
                for (int r = 0; r < topK; r++)
                {
                    (chosen[r], w[r]) = (r, float.NaN);
                }

                continue;
            }

            double largest = row.Max(), all = row.Sum(x => Math.Exp(x - largest));
            var taken = new bool[row.Length];
            var p = new double[topK];
            for (int r = 0; r < topK; r++)
            {
                int best = Array.IndexOf(taken, false);
                for (int e = best + 1; e < row.Length; e++)
                {
                    best = !taken[e] && row[e] > row[best] ? e : best;
                }

                (taken[best], chosen[r], p[r]) = (true, best, Math.Exp(row[best] - largest) / all);
            }

            double divisor = renormalise ? p.Sum() : 1;
            for (int r = 0; r < topK; r++)
            {
                w[r] = (float)(p[r] / divisor);
            }
        }
    }
}
