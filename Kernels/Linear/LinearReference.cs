using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>One dot product per output.</summary>
/// <param name="activations">What products take of their rows.</param>
internal sealed unsafe class LinearReference(DType activations = DType.F32) : Linear
{
    private protected override void Launch(Tensor x, LinearWeight weight, Tensor output, long promptRows)
    {
        for (long t = 0; t < x.Shape[0]; t++)
        {
            double[] input = WeightReader.Inputs(x, t, activations, weight.Type);
            for (long n = 0; n < weight.Outputs; n++)
            {
                ((float*)output.Address)[(t * output.RowStride) + n] =
                    (float)WeightReader.Dot(input, weight.Type, WeightReader.Row(weight, n));
            }
        }
    }
}
