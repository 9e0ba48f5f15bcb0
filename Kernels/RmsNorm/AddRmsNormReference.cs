using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Adds, then normalises what was stored, row by row.</summary>
internal sealed unsafe class AddRmsNormReference : AddRmsNorm
{
    private protected override void Launch(
        Tensor residual, Tensor delta, Tensor weight, float epsilon, Tensor output, Tensor faults, int place)
    {
        long width = residual.Shape[1];
        float* w = (float*)weight.Address;
        for (long t = 0; t < residual.Shape[0]; t++)
        {
            float* x = (float*)residual.Address + (t * width);
            float* y = (float*)output.Address + (t * output.RowStride);
            double squares = 0;
            for (long h = 0; h < width; h++)
            {
                if (!delta.IsEmpty)
                {
                    x[h] += ((float*)delta.Address)[(t * width) + h];
                }

                squares += (double)x[h] * x[h];
            }

            if (!faults.IsEmpty)
            {
                int* fault = (int*)faults.Address + t;
                *fault = delta.IsEmpty ? 0 : *fault;
                *fault = *fault == 0 && !double.IsFinite(squares) ? place : *fault;
            }

            double scale = 1 / Math.Sqrt((squares / width) + epsilon);
            for (long h = 0; h < width; h++)
            {
                y[h] = (float)(x[h] * scale * (1.0 + w[h]));
            }
        }
    }
}
