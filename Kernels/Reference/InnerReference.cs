using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// silu(x·gate) · (x·up), which the second product of an MLP takes; also moved as far as sums that are a little off would move
/// it. Who rounds it afterwards may round it the other way then, by 2⁻⁸ of it.
/// </summary>
/// <param name="off">
/// How far both sums are off, in parts of the root of their terms' squares, both in the direction that makes the result's
/// distance largest; 0 for the formula, negative for the other side.
/// </param>
internal sealed class InnerReference(double off)
{
    /// <summary>One number.</summary>
    /// <param name="x">The row.</param>
    /// <param name="type">Of the weights.</param>
    /// <param name="gate">A row of the gates.</param>
    /// <param name="up">The same row of the ups.</param>
    public double Value(ReadOnlySpan<double> x, DType type, nint gate, nint up)
    {
        double g = WeightReader.Dot(x, type, gate), u = WeightReader.Dot(x, type, up), silu = ReferenceMath.Silu(g);
        if (off == 0)
        {
            return silu * u;
        }

        double share = ReferenceMath.Sigmoid(g), slope = share + (silu * (1 - share));
        return (silu * u) + (off * ((double.Abs(slope * u) * Size(x, type, gate)) + (double.Abs(silu) * Size(x, type, up))));
    }

    private static double Size(ReadOnlySpan<double> x, DType type, nint row)
    {
        double sum = 0;
        for (int k = 0; k < x.Length; k++)
        {
            double term = x[k] * WeightReader.Read(type, row, k);
            sum += term * term;
        }

        return Math.Sqrt(sum);
    }
}
