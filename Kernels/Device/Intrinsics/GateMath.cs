namespace Lean.Kernels.Device;

/// <summary>
/// The exponential and what gates are made of, to about 1e-7 relative: what a product with log₂e loses is put back, since
/// a state multiplies such numbers up over thousands of rows.
/// </summary>
public static class GateMath
{
    internal const float Log2E = 1.44269504088896341f;
    internal const float Log2ERest = 1.925963033500927e-8f;
    private const float Ln2 = 0.693147180559945309f;

    // Below this e^x is no f32; the correction of −∞ would be NaN.
    internal const float Vanishes = -104;

    /// <summary>e^x.</summary>
    public static float Exp(float x)
    {
        float e = ExpAbove(x);
        return x < Vanishes ? 0 : e;
    }

    /// <summary>e^x for x from <see cref="Vanishes"/> on; below, anything.</summary>
    internal static float ExpAbove(float x)
    {
        float y = x * Log2E;
        float rest = Scalar.Fma(x, Log2ERest, Scalar.Fma(x, Log2E, -y));
        return Scalar.Exp2(y) * Scalar.Fma(rest, Ln2, 1);
    }

    /// <summary>e^(x + rest) with |rest| far below |x|.</summary>
    public static float Exp(float x, float rest) => Exp(x) * (1 + rest);

    /// <summary>1 / (1 + e^−x).</summary>
    public static float Sigmoid(float x)
    {
        float e = Exp(-Math.Abs(x));
        return (x < 0 ? e : 1) / (1 + e);
    }

    /// <summary>x · sigmoid(x).</summary>
    public static float Silu(float x) => x * Sigmoid(x);

    /// <summary>ln(1 + e^x): max(x, 0) + ln(1 + e), e = e^−|x| ≤ 1, through 2·artanh(e / (2 + e)), so that small results are as exact as large ones.</summary>
    public static float Softplus(float x)
    {
        float e = Exp(-Math.Abs(x));
        float s = e / (2 + e), square = s * s;
        float series = Scalar.Fma(square, 1 / 17f, 1 / 15f);
        series = Scalar.Fma(square, series, 1 / 13f);
        series = Scalar.Fma(square, series, 1 / 11f);
        series = Scalar.Fma(square, series, 1 / 9f);
        series = Scalar.Fma(square, series, 1 / 7f);
        series = Scalar.Fma(square, series, 1 / 5f);
        series = Scalar.Fma(square, series, 1 / 3f);
        series = Scalar.Fma(square, series, 1);
        return (x > 0 ? x : 0) + (2 * s * series);
    }

    /// <summary>g = −exp(A_log) · softplus(a + dt_bias), the logarithm of a delta rule's decay.</summary>
    public static float LogDecay(float rate, float a, float timeBias) => -rate * Softplus(a + timeBias);
}
