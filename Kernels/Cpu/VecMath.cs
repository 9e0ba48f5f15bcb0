using System.Runtime.CompilerServices;

namespace Lean.Kernels;

/// <summary>Functions of sixteen lanes, from operations that every instruction set rounds alike.</summary>
internal static class VecMath<V> where V : struct, IVec<V>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    /// <summary>
    /// e^x to about one unit in the last place: x = n·ln 2 + r, a polynomial in r (Cephes expf), times 2^n.
    /// Below −87.3 it is 0, above 88.0 it stays at e^88; NaN stays NaN.
    /// </summary>
    [MethodImpl(Inline)]
    public static V Exp(V x)
    {
        const float lowest = -87.3f, highest = 88.0f, rounder = 12582912f;
        V bounded = V.Max(V.Broadcast(lowest), V.Min(V.Broadcast(highest), x));

        // Adding and taking away 1.5·2^23 rounds to an integer in plain float arithmetic.
        V n = V.Fma(bounded, V.Broadcast(1.44269504f), V.Broadcast(rounder)) - V.Broadcast(rounder);
        V r = V.Fma(n, V.Broadcast(-0.693359375f), bounded);
        r = V.Fma(n, V.Broadcast(2.12194440e-4f), r);
        V p = V.Broadcast(1.9875691500e-4f);
        p = V.Fma(p, r, V.Broadcast(1.3981999507e-3f));
        p = V.Fma(p, r, V.Broadcast(8.3334519073e-3f));
        p = V.Fma(p, r, V.Broadcast(4.1665795894e-2f));
        p = V.Fma(p, r, V.Broadcast(1.6666665459e-1f));
        p = V.Fma(p, r, V.Broadcast(5.0000001201e-1f));
        V y = V.Fma(p, r * r, r) + V.Broadcast(1f);

        // n is NaN where x is; the exponent trick would lose that, so the product with y keeps it.
        return V.SelectLess(x, V.Broadcast(lowest), V.Zero, y * V.Pow2(V.Max(V.Broadcast(-126f), V.Min(n, V.Broadcast(127f)))));
    }

    /// <summary>1 / (1 + e^−x).</summary>
    [MethodImpl(Inline)]
    public static V Sigmoid(V x) => V.Broadcast(1f) / (V.Broadcast(1f) + Exp(V.Zero - x));

    /// <summary>x · sigmoid(x).</summary>
    [MethodImpl(Inline)]
    public static V Silu(V x) => x / (V.Broadcast(1f) + Exp(V.Zero - x));

    /// <summary>e^x of one number, by the same steps.</summary>
    [MethodImpl(Inline)]
    public static float Exp(float x) => V.MaxLane(Exp(V.Broadcast(x)));
}
