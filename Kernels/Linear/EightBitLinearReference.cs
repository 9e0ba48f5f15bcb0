using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The formula in plain loops.</summary>
internal sealed unsafe class EightBitLinearReference : EightBitLinear
{
    private protected override void Launch(Tensor x, EightBitWeight weight, Tensor output)
    {
        int levels = Levels(weight.Inputs);
        var rounded = new int[weight.Inputs];
        for (long t = 0; t < x.Shape[0]; t++)
        {
            float* row = (float*)x.Address + (t * x.RowStride);
            float largest = 0;
            for (int k = 0; k < rounded.Length; k++)
            {
                largest = float.Max(largest, float.Abs(row[k]));
            }

            float factor = EightBitWeight.Factor(levels, largest);
            for (int k = 0; k < rounded.Length; k++)
            {
                rounded[k] = (int)float.Round(row[k] * factor);
            }

            for (long n = 0; n < weight.Outputs; n++)
            {
                long sum = 0;
                for (int k = 0; k < rounded.Length; k++)
                {
                    sum += rounded[k] * weight.Values[(n * weight.Pitch) + k];
                }

                ((float*)output.Address)[(t * output.RowStride) + n] = (float)(int)sum * (largest / levels * weight.Scales[n]);
            }
        }
    }
}
