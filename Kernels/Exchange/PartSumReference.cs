using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Sums one number after the other; in f32, since where it is rounded is what the op promises.</summary>
internal sealed unsafe class PartSumReference : PartSum
{
    private protected override void Launch(Tensor parts, Tensor output)
    {
        for (long i = 0; i < output.Shape[0]; i++)
        {
            float* part = (float*)parts.Address + i;
            float sum = *part;
            for (long p = 1; p < parts.Shape[0]; p++)
            {
                sum += part[p * parts.RowStride];
            }

            ((float*)output.Address)[i] = sum;
        }
    }
}
