using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Normalises head by head, then gates.</summary>
internal sealed unsafe class GatedRmsNormReference : GatedRmsNorm
{
    private protected override void Launch(Tensor x, Tensor z, Tensor weight, float epsilon, Tensor output)
    {
        long width = x.Shape[1], dim = weight.Shape.Count;
        float* w = (float*)weight.Address;
        for (long t = 0; t < x.Shape[0]; t++)
        {
            for (long first = 0; first < width; first += dim)
            {
                float* head = (float*)x.Address + (t * width) + first;
                float* gate = (float*)z.Address + (t * z.RowStride) + first;
                float* y = (float*)output.Address + (t * width) + first;
                double squares = 0;
                for (long d = 0; d < dim; d++)
                {
                    squares += (double)head[d] * head[d];
                }

                double scale = 1 / Math.Sqrt((squares / dim) + epsilon);
                for (long d = 0; d < dim; d++)
                {
                    y[d] = (float)(head[d] * scale * w[d] * ReferenceMath.Silu(gate[d]));
                }
            }
        }
    }
}
