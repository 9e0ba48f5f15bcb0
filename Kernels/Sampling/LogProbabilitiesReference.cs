using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The formula.</summary>
internal sealed unsafe class LogProbabilitiesReference : LogProbabilities
{
    private protected override void Launch(Tensor logits, Tensor best, Tensor tokens, Tensor values)
    {
        for (int r = 0; r < (int)logits.Shape[0]; r++)
        {
            double[] row = WeightReader.Widen(logits, r);
            int token = ((int*)tokens.Address)[r], likely = ((int*)best.Address)[r];
            float* value = (float*)values.Address + r;
            *value = token < 0 ? float.NaN : token == likely ? *value : (float)Math.Max(*value + (row[token] - row[likely]), float.MinValue);
        }
    }
}
