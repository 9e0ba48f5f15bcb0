using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>A scan for the largest logit, then one for the sum.</summary>
internal sealed unsafe class GreedyPickReference : GreedyPick
{
    private protected override void Launch(Tensor logits, Tensor tokens, Tensor logProbabilities)
    {
        for (long r = 0; r < logits.Shape[0]; r++)
        {
            double[] row = WeightReader.Widen(logits, r);
            int best = 0;
            bool finite = true;
            for (int v = 0; v < row.Length; v++)
            {
                finite &= double.IsFinite(row[v]);
                best = row[v] > row[best] ? v : best;
            }

            double sum = 0;
            foreach (double x in row)
            {
                sum += Math.Exp(x - row[best]);
            }

            ((int*)tokens.Address)[r] = finite ? best : -1;
            ((float*)logProbabilities.Address)[r] = finite ? (float)-Math.Log(sum) : float.NaN;
        }
    }
}
