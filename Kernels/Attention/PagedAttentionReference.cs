using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>All scores of a row and head first, then the softmax in two passes.</summary>
internal sealed unsafe class PagedAttentionReference(DType cacheType) : PagedAttention
{
    /// <inheritdoc/>
    public override DType CacheType => cacheType;

    private protected override void Launch(
        AttentionShape shape, Tensor queries, Tensor projected, Tensor keys, Tensor values, Tensor segments, Tensor blocks, Tensor output, Tensor pieces,
        long promptRows)
    {
        for (long s = 0; s < segments.Shape[0]; s++)
        {
            var segment = ReferenceSegment.Of(segments, s);
            int* table = (int*)blocks.Address + (s * blocks.RowStride);
            for (long t = segment.FirstRow; t < segment.FirstRow + segment.Rows; t++)
            {
                long visible = segment.FirstPosition + (t - segment.FirstRow) + 1;
                for (int head = 0; head < shape.Heads; head++)
                {
                    long place = ((t * shape.Heads) + head) * shape.HeadDim;
                    float* gate = (float*)projected.Address + (t * shape.ProjectedWidth) + (((2L * head) + 1) * shape.HeadDim);
                    Attend(shape, head, (float*)queries.Address + place, gate, keys, values, table, visible, (float*)output.Address + place);
                }
            }
        }
    }

    private static void Attend(
        AttentionShape shape, int head, float* query, float* gate, Tensor keys, Tensor values, int* table, long visible, float* output)
    {
        int dim = shape.HeadDim, kvHead = head / (shape.Heads / shape.KvHeads);
        var p = new double[visible];
        for (long first = 0; first < visible; first += Grid.Cell)
        {
            // Along a cell, as keys lie; each score's sum is in ascending d.
            long place = ((long)table[first / Grid.Cell] * shape.KvHeads) + kvHead;
            Span<double> scores = p.AsSpan((int)first, (int)long.Min(Grid.Cell, visible - first));
            for (int d = 0; d < dim; d++)
            {
                long row = ((place * dim) + d) * Grid.Cell;
                for (int j = 0; j < scores.Length; j++)
                {
                    scores[j] += query[d] * WeightReader.Read(keys.Type, keys.Address, row + j);
                }
            }

            for (int j = 0; j < scores.Length; j++)
            {
                scores[j] /= Math.Sqrt(dim);
            }
        }

        double largest = p.Max(), sum = 0;
        for (long j = 0; j < visible; j++)
        {
            p[j] = Math.Exp(p[j] - largest);
            sum += p[j];
        }

        var mixed = new double[dim];
        for (long j = 0; j < visible; j++)
        {
            long place = ((long)table[j / Grid.Cell] * shape.KvHeads) + kvHead, row = ((place * Grid.Cell) + (j % Grid.Cell)) * dim;
            for (int d = 0; d < dim; d++)
            {
                mixed[d] += p[j] * WeightReader.Read(values.Type, values.Address, row + d);
            }
        }

        for (int d = 0; d < dim; d++)
        {
            output[d] = (float)(ReferenceMath.Sigmoid(gate[d]) * mixed[d] / sum);
        }
    }
}
