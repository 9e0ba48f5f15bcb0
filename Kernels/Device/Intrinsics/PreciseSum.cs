namespace Lean.Kernels.Device;

/// <summary>
/// A sum of products as if it were computed in twice f32's precision and rounded once (Ogita, Rump and Oishi 2005, Dot2):
/// for short sums that cancel, on devices without doubles.
/// </summary>
public struct PreciseSum
{
    private float _sum;
    private float _lost;

    /// <summary>The sum so far.</summary>
    public readonly float Value => _sum + _lost;

    /// <summary>a · b alone.</summary>
    public static PreciseSum Of(float a, float b)
    {
        var sum = default(PreciseSum);
        sum._sum = Scalar.Multiply(a, b);
        sum._lost = Scalar.Fma(a, b, -sum._sum);
        return sum;
    }

    /// <summary>Adds a · b.</summary>
    public void Add(float a, float b)
    {
        float product = Scalar.Multiply(a, b);
        float sum = _sum + product;
        float added = sum - _sum;
        _lost += Scalar.Fma(a, b, -product) + (_sum - (sum - added) + (product - added));
        _sum = sum;
    }
}
