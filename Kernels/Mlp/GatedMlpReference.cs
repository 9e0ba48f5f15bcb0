using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The MLP of one row after the other, with nothing rounded before the result but what products take. Scratch memory stays unused.</summary>
/// <param name="activations">What products take of their rows.</param>
/// <param name="off">How far off the first product is taken to be, see <see cref="InnerReference"/>.</param>
internal sealed unsafe class GatedMlpReference(DType activations = DType.F32, double off = 0) : GatedMlp
{
    private readonly InnerReference _inner = new(off);

    private protected override void Launch(
        Tensor x, LinearWeight gateUp, LinearWeight down, Tensor gateLogit, Tensor add, Tensor scratch, Tensor output, long promptRows)
    {
        long hidden = down.Outputs, width = down.Inputs;
        var inner = new double[width];
        for (long t = 0; t < x.Shape[0]; t++)
        {
            double[] input = WeightReader.Inputs(x, t, activations, gateUp.Type);
            for (long i = 0; i < width; i++)
            {
                inner[i] = _inner.Value(input, gateUp.Type, WeightReader.Row(gateUp, i), WeightReader.Row(gateUp, width + i));
            }

            if (RoundedActivations.Apply(activations, down.Type))
            {
                RoundedActivations.Round(inner);
            }

            double scale = gateLogit.IsEmpty ? 1 : ReferenceMath.Sigmoid(((float*)gateLogit.Address)[t * gateLogit.RowStride]);
            for (long h = 0; h < hidden; h++)
            {
                double sum = scale * WeightReader.Dot(inner, down.Type, WeightReader.Row(down, h));
                sum += add.IsEmpty ? 0 : ((float*)add.Address)[(t * hidden) + h];
                ((float*)output.Address)[(t * hidden) + h] = (float)sum;
            }
        }
    }
}
