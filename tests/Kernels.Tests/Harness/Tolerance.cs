namespace Lean.Kernels.Tests;

/// <summary>How far an f32 result may lie from the f64 one: |found − expected| ≤ Absolute + Relative · |expected|.</summary>
public readonly record struct Tolerance(double Absolute, double Relative)
{
    /// <summary>
    /// For a sum of K products whose result is of order one. Rounding errors of a running sum grow like √K:
    /// each of K additions errs by 2^-24 of a partial sum of √(i/K), which gives 2.4e-8·√K rms; allowed is six times that.
    /// </summary>
    public static Tolerance Sum(long terms) => new(1.5e-7 * Math.Sqrt(Math.Max(terms, 4)), 1e-6);

    /// <summary>
    /// For a vector divided by its norm over K values. Squares add up without cancelling, so the norm's relative error
    /// is about 1e-8·√K rms.
    /// </summary>
    public static Tolerance Norm(long terms) => new(1e-7, 6e-7 + (5e-8 * Math.Sqrt(terms)));

    /// <summary>Both errors together.</summary>
    public Tolerance Plus(Tolerance other) => new(Absolute + other.Absolute, Relative + other.Relative);
}
