namespace Lean.Kernels;

/// <summary>The scalar functions of the models, in f64.</summary>
internal static class ReferenceMath
{
    /// <summary>1 / (1 + exp(−x)).</summary>
    public static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    /// <summary>x · sigmoid(x).</summary>
    public static double Silu(double x) => x * Sigmoid(x);

    /// <summary>log(1 + exp(x)), written so that a large x does not overflow.</summary>
    public static double Softplus(double x) => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x)));
}
