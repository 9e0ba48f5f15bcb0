using System.Runtime.Intrinsics;

namespace Lean.Kernels;

/// <summary>What all RMS norms share, in double: a norm's rounding is in everything that follows it.</summary>
internal static unsafe class RowNorm
{
    /// <summary>1 / √(Σ x² / n + ε).</summary>
    public static double Scale(float* x, long n, double epsilon) => Scale(SumOfSquares(x, n), n, epsilon);

    /// <summary>1 / √(squares / n + ε).</summary>
    public static double Scale(double squares, long n, double epsilon) => 1 / Math.Sqrt((squares / n) + epsilon);

    /// <summary>Σ x² by eight lanes in the order of the row, then by the fixed tree.</summary>
    public static double SumOfSquares(float* x, long n)
    {
        Vector512<double> sum = Vector512<double>.Zero;
        for (long i = 0; i < n; i += Wide.Lanes)
        {
            Vector512<double> v = Wide.Load(x + i, (int)long.Min(Wide.Lanes, n - i));
            sum += v * v;
        }

        return Wide.Sum(sum);
    }

    /// <summary>y = x · scale · (1 + w).</summary>
    public static void Apply(float* x, double scale, float* weight, float* y, long n)
    {
        Vector512<double> s = Vector512.Create(scale), one = Vector512.Create(1.0);
        for (long i = 0; i < n; i += Wide.Lanes)
        {
            int count = (int)long.Min(Wide.Lanes, n - i);
            Wide.Store(y + i, Wide.Load(x + i, count) * s * (one + Wide.Load(weight + i, count)), count);
        }
    }

    /// <summary>y = x · scale.</summary>
    public static void Apply(float* x, double scale, float* y, long n)
    {
        Vector512<double> s = Vector512.Create(scale);
        for (long i = 0; i < n; i += Wide.Lanes)
        {
            int count = (int)long.Min(Wide.Lanes, n - i);
            Wide.Store(y + i, Wide.Load(x + i, count) * s, count);
        }
    }
}
