using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>Products of whole numbers that 64 bits do not hold, for shares of exact sums on devices without doubles.</summary>
public static class WideProduct
{
    private const ulong Half = 0xffffffffUL;
    private const int MantissaBits = 24;
    private const int Bias = 126;

    /// <summary>⌊a · b / 2^64⌋.</summary>
    public static ulong High(ulong a, ulong b)
    {
        ulong a0 = a & Half, a1 = a >> 32, b0 = b & Half, b1 = b >> 32;
        ulong low = a0 * b0, left = a1 * b0, right = a0 * b1;
        ulong middle = (low >> 32) + (left & Half) + (right & Half);
        return (a1 * b1) + (left >> 32) + (right >> 32) + (middle >> 32);
    }

    /// <summary>⌈share · sum⌉, exactly, and 1 at least; 0 &lt; share &lt; 1, sum below 2^63.</summary>
    public static long Share(float share, long sum)
    {
        // share = mantissa · 2^(exponent − 150), so share · sum = (mantissa · 2^40 · sum / 2^64) / 2^(126 − exponent).
        uint bits = Interop.FloatAsInt(share);
        int exponent = (int)(bits >> 23), shift = Math.Min(Bias - exponent, 62);
        ulong mantissa = (ulong)((bits & 0x7fffffu) | 0x800000u) << (64 - MantissaBits);
        ulong whole = High(mantissa, (ulong)sum), rest = mantissa * (ulong)sum;
        ulong cut = whole & ((1UL << shift) - 1);
        long floor = (long)(whole >> shift);
        return rest != 0 || cut != 0 || floor == 0 ? floor + 1 : floor;
    }
}
