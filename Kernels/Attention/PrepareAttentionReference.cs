using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Norm and rotation head by head in f64, then the copies into the cache.</summary>
internal sealed unsafe class PrepareAttentionReference(DType cacheType) : PrepareAttention
{
    /// <inheritdoc/>
    public override DType CacheType => cacheType;

    private protected override void Launch(
        AttentionShape shape, Tensor projected, Tensor queryNorm, Tensor keyNorm, float epsilon, Tensor rotary,
        Tensor slots, Tensor keys, Tensor values, Tensor queries)
    {
        int dim = shape.HeadDim, rotated = (int)rotary.Shape[1];
        for (long t = 0; t < projected.Shape[0]; t++)
        {
            float* row = (float*)projected.Address + (t * shape.ProjectedWidth);
            float* table = (float*)rotary.Address + (t * rotated);
            for (int head = 0; head < shape.Heads; head++)
            {
                double[] q = Prepared(row + (2L * head * dim), (float*)queryNorm.Address, dim, epsilon, table, rotated);
                for (int d = 0; d < dim; d++)
                {
                    ((float*)queries.Address)[(((t * shape.Heads) + head) * dim) + d] = (float)q[d];
                }
            }

            long slot = ((int*)slots.Address)[t], block = slot / Grid.Cell, offset = slot % Grid.Cell;
            for (int head = 0; head < shape.KvHeads; head++)
            {
                double[] k = Prepared(row + shape.KeyColumn + ((long)head * dim), (float*)keyNorm.Address, dim, epsilon, table, rotated);
                float* v = row + shape.ValueColumn + ((long)head * dim);
                long place = (block * shape.KvHeads) + head;
                for (int d = 0; d < dim; d++)
                {
                    Store(keys, (((place * dim) + d) * Grid.Cell) + offset, (float)k[d]);
                    Store(values, (((place * Grid.Cell) + offset) * dim) + d, v[d]);
                }
            }
        }
    }

    private static void Store(Tensor cache, long index, float value)
    {
        if (cache.Type == DType.BF16)
        {
            ((ushort*)cache.Address)[index] = DTypes.F32ToBF16(value);
        }
        else
        {
            ((float*)cache.Address)[index] = value;
        }
    }

    private static double[] Prepared(float* x, float* norm, int dim, float epsilon, float* table, int rotated)
    {
        double squares = 0;
        for (int d = 0; d < dim; d++)
        {
            squares += (double)x[d] * x[d];
        }

        var y = new double[dim];
        for (int d = 0; d < dim; d++)
        {
            y[d] = x[d] / Math.Sqrt((squares / dim) + epsilon) * (1.0 + norm[d]);
        }

        int half = rotated / 2;
        for (int i = 0; i < half; i++)
        {
            double cos = table[i], sin = table[half + i], low = y[i], high = y[half + i];
            (y[i], y[half + i]) = ((low * cos) - (high * sin), (high * cos) + (low * sin));
        }

        return y;
    }
}
