using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>
/// The values a synthetic tensor draws from: 4,096 equally likely bf16 values at the quantiles of a distribution.
/// A table of that size stays in the first-level cache, and bf16's 8 significant bits hide the steps.
/// </summary>
internal sealed class SyntheticDistribution
{
    /// <summary>Bits of randomness one value takes.</summary>
    public const int Bits = 12;

    private const int Levels = 1 << Bits;

    private SyntheticDistribution(Func<double, double> quantile)
    {
        Table = new ushort[Levels];
        for (int i = 0; i < Levels; i++)
        {
            Table[i] = DTypes.F32ToBF16((float)quantile((i + 0.5) / Levels));
        }
    }

    /// <summary>The values, as bf16 bits.</summary>
    public ushort[] Table { get; }

    /// <summary>Values of a normal distribution.</summary>
    public static SyntheticDistribution Normal(double mean, double deviation) =>
        new(u => mean + (deviation * NormalQuantile(u)));

    /// <summary>Logarithms of values uniform between 0 and <paramref name="most"/>: how A_log is initialised before training.</summary>
    public static SyntheticDistribution LogUniform(double most) => new(u => double.Log(u * most));

    // The inverse of the normal distribution function by Acklam's rational approximation (relative error 1e-9).
    private static double NormalQuantile(double u)
    {
        const double Low = 0.02425;
        if (u > 0.5)
        {
            return -NormalQuantile(1 - u);
        }

        if (u < Low)
        {
            double t = double.Sqrt(-2 * double.Log(u));
            return Horner(t, [-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838, -2.549732539343734, 4.374664141464968, 2.938163982698783])
                / Horner(t, [7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996, 3.754408661907416, 1]);
        }

        double d = u - 0.5;
        double s = d * d;
        return d * Horner(s, [-3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02, 1.383577518672690e+02, -3.066479806614716e+01, 2.506628277459239])
            / Horner(s, [-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01, -1.328068155288572e+01, 1]);
    }

    private static double Horner(double x, ReadOnlySpan<double> coefficients)
    {
        double sum = 0;
        foreach (double c in coefficients)
        {
            sum = (sum * x) + c;
        }

        return sum;
    }
}
