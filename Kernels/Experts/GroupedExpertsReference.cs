using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Each row's experts by rank, ungrouped.</summary>
/// <param name="activations">What products take of their rows.</param>
/// <param name="off">How far off the first product is taken to be, see <see cref="InnerReference"/>.</param>
internal sealed unsafe class GroupedExpertsReference(DType activations = DType.F32, double off = 0) : GroupedExperts
{
    private readonly InnerReference _inner = new(off);

    /// <inheritdoc/>
    public override long ScratchBytes(ExpertWeights weights, long rows, long topK) => 0;

    private protected override void Launch(Tensor x, ExpertWeights weights, Tensor experts, Tensor mix, Tensor scratch, Tensor output, long promptRows)
    {
        long hidden = weights.Hidden, width = weights.Width, topK = experts.Shape[1];
        long innerRow = hidden * weights.Type.Size(), outerRow = width * weights.Type.Size();
        var inner = new double[width];
        for (long t = 0; t < x.Shape[0]; t++)
        {
            double[] input = WeightReader.Inputs(x, t, activations, weights.Type);
            var sums = new double[hidden];
            for (long r = 0; r < topK; r++)
            {
                int number = ((int*)experts.Address)[(t * topK) + r] - weights.First;
                if (weights.IsPart && (number < 0 || number >= weights.Count))
                {
                    continue;
                }

                ExpertWeights.Matrices expert = weights.All[number];
                double share = ((float*)mix.Address)[(t * topK) + r];
                for (long i = 0; i < width; i++)
                {
                    inner[i] = _inner.Value(input, weights.Type, expert.Gate + (nint)(i * innerRow), expert.Up + (nint)(i * innerRow));
                }

                if (RoundedActivations.Apply(activations, weights.Type))
                {
                    RoundedActivations.Round(inner);
                }

                for (long h = 0; h < hidden; h++)
                {
                    sums[h] += share * WeightReader.Dot(inner, weights.Type, expert.Down + (nint)(h * outerRow));
                }
            }

            for (long h = 0; h < hidden; h++)
            {
                ((float*)output.Address)[(t * hidden) + h] = (float)sums[h];
            }
        }
    }
}
