using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>The comparisons that stand before every measurement.</summary>
internal static class Oracle
{
    /// <summary>The largest relative error of f32 sums that is not an error of a CPU's kernel.</summary>
    public const double Tolerance = 1e-5;

    /// <summary>‖found − expected‖ / ‖expected‖ (Euclidean) over a sample; NaN where anything in it is NaN, or all that is expected is 0.</summary>
    public static double RelativeError(Tensor found, Tensor expected)
    {
        ReadOnlySpan<float> f = found.AsSpan<float>(), e = expected.AsSpan<float>();
        if (f.Length != e.Length || f.IsEmpty)
        {
            throw new ArgumentException($"cannot compare {found} with {expected}", nameof(found));
        }

        double difference = 0, size = 0;
        for (int i = 0; i < f.Length; i++)
        {
            difference += ((double)f[i] - e[i]) * ((double)f[i] - e[i]);
            size += (double)e[i] * e[i];
        }

        return Math.Sqrt(difference / size);
    }

    /// <summary>Whether every element was written: outputs are poisoned with NaN before a check.</summary>
    public static bool IsWritten(Tensor output) => FirstUnwritten(output) < 0;

    /// <summary>The first element of f32 or bf16 that is no finite number, or −1.</summary>
    public static int FirstUnwritten(Tensor output)
    {
        if (output.Type != DType.BF16)
        {
            return output.AsSpan<float>().IndexOfAnyExceptInRange(float.MinValue, float.MaxValue);
        }

        ReadOnlySpan<ushort> all = output.AsSpan<ushort>();
        int first = 0;
        while (first < all.Length && float.IsFinite(DTypes.BF16ToF32(all[first])))
        {
            first++;
        }

        return first < all.Length ? first : -1;
    }
}
