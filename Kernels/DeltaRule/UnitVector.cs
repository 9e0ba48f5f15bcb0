namespace Lean.Kernels;

/// <summary>The l2 norm of queries and keys.</summary>
internal static unsafe class UnitVector
{
    /// <summary>y = x · (rsqrt(Σx² + 1e-6) · factor).</summary>
    public static void Write(float* x, float* y, int n, double factor) =>
        RowNorm.Apply(x, factor / Math.Sqrt(RowNorm.SumOfSquares(x, n) + 1e-6), y, n);
}
