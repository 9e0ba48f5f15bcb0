using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Copies each chosen row, one element at a time.</summary>
internal sealed unsafe class GatherRowsReference : GatherRows
{
    private protected override void Launch(Tensor x, Tensor rows, Tensor output)
    {
        long count = output.Shape[0], width = output.Shape[1];
        for (long r = 0; r < count; r++)
        {
            long row = ((int*)rows.Address)[r];
            for (long h = 0; h < width; h++)
            {
                ((float*)output.Address)[(r * width) + h] = ((float*)x.Address)[(row * x.RowStride) + h];
            }
        }
    }
}
