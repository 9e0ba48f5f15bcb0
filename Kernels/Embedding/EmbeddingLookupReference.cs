using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Copies each token's row, one element at a time.</summary>
internal sealed unsafe class EmbeddingLookupReference : EmbeddingLookup
{
    private protected override void Launch(Tensor ids, Tensor table, Tensor output, int first)
    {
        long rows = output.Shape[0], width = output.Shape[1];
        for (long t = 0; t < rows; t++)
        {
            long id = (long)((int*)ids.Address)[t] - first;
            for (long h = 0; h < width; h++)
            {
                ((float*)output.Address)[(t * width) + h] =
                    id < 0 || id >= table.Shape[0] ? 0 : (float)WeightReader.Read(table.Type, table.Address, (id * table.RowStride) + h);
            }
        }
    }
}
