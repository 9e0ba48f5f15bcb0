namespace Lean.Kernels.Device;

/// <summary>
/// Sines of large angles in f32 alone: not every device has doubles, and the sines of GPUs are coarse. The error is
/// about one unit in the last place of 1 for angles up to 2^22.
/// </summary>
public static class Trigonometry
{
    private const float TwoOverPi = 0.636619772367581343f;

    // π/2 in three parts of 24 bits each, so that n · High is subtracted without an error.
    private const float High = 1.57079637f;
    private const float Middle = -4.37113883e-8f;
    private const float Low = -1.71512451e-15f;

    /// <summary>sin(angle + quadrants · π/2) for an angle that is not negative.</summary>
    public static float Sine(float angle, int quadrants)
    {
        int n = (int)Scalar.Fma(angle, TwoOverPi, 0.5f);
        float turns = -n;

        // angle − n·π/2 = x + rest: what the sum with n·Middle loses is kept.
        float first = Scalar.Fma(turns, High, angle);
        float x = Scalar.Fma(turns, Middle, first);
        float rest = Scalar.Fma(turns, Low, Scalar.Fma(turns, Middle, first - x));

        // Taylor's series: on |x| ≤ π/4 the first term left out is below 2^-28.
        float square = x * x;
        float sine = Scalar.Fma(square, 2.75573192e-6f, -1.98412698e-4f);
        sine = Scalar.Fma(square, sine, 8.33333333e-3f);
        sine = Scalar.Fma(square, sine, -0.166666667f);
        sine = Scalar.Fma(square * x, sine, rest) + x;
        float cosine = Scalar.Fma(square, -2.75573192e-7f, 2.48015873e-5f);
        cosine = Scalar.Fma(square, cosine, -1.38888889e-3f);
        cosine = Scalar.Fma(square, cosine, 4.16666667e-2f);
        cosine = Scalar.Fma(square, cosine, -0.5f);
        cosine = Scalar.Fma(square, cosine, Scalar.Fma(-x, rest, 1));
        int quadrant = (n + quadrants) & 3;
        float result = (quadrant & 1) == 0 ? sine : cosine;
        return quadrant < 2 ? result : -result;
    }
}
