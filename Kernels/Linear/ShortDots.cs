using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lean.Kernels;

/// <summary>
/// Dot products of at most 128 terms (weights of few inputs, the chunked rule's q·k and k·k), in double. Small models have heads of 16 dimensions whose q·k nearly cancels, and
/// a norm right behind it: f32 sums lose digits there that the logits show. At this length double costs little.
/// </summary>
internal static unsafe class ShortDots
{
    /// <summary>The most terms.</summary>
    public const int MaxTerms = 128;

    /// <summary>As <see cref="DotBlock{V}.Multiply"/>; the order is lane k mod 8, then the fixed tree.</summary>
    [SkipLocalsInit]
    public static void Multiply(
        bool bf16, float* x, long xStride, int* rows, int count, byte* w, int columns, int k, float* y, long yStride)
    {
        int steps = (k + Wide.Lanes - 1) / Wide.Lanes;
        double* weights = stackalloc double[columns * steps * Wide.Lanes];
        double* input = stackalloc double[steps * Wide.Lanes];
        for (int n = 0; n < columns; n++)
        {
            Widen(bf16, w + ((long)n * k * (bf16 ? 2 : 4)), k, weights + (n * steps * Wide.Lanes));
        }

        for (int r = 0; r < count; r++)
        {
            Widen(bf16: false, (byte*)(x + ((rows == null ? r : rows[r]) * xStride)), k, input);
            float* target = y + (r * yStride);
            int n = 0;
            for (; n + 4 <= columns; n += 4)
            {
                Four(input, weights + (n * steps * Wide.Lanes), steps, target + n);
            }

            for (; n < columns; n++)
            {
                Vector512<double> sum = Vector512<double>.Zero;
                for (int i = 0; i < steps * Wide.Lanes; i += Wide.Lanes)
                {
                    sum += Vector512.Load(input + i) * Vector512.Load(weights + (n * steps * Wide.Lanes) + i);
                }

                target[n] = (float)Wide.Sum(sum);
            }
        }
    }

    private static void Four(double* x, double* w, int steps, float* y)
    {
        int length = steps * Wide.Lanes;
        double* w1 = w + length, w2 = w1 + length, w3 = w2 + length;
        Vector512<double> s0 = Vector512<double>.Zero, s1 = s0, s2 = s0, s3 = s0;
        for (int i = 0; i < length; i += Wide.Lanes)
        {
            Vector512<double> v = Vector512.Load(x + i);
            s0 += v * Vector512.Load(w + i);
            s1 += v * Vector512.Load(w1 + i);
            s2 += v * Vector512.Load(w2 + i);
            s3 += v * Vector512.Load(w3 + i);
        }

        (y[0], y[1], y[2], y[3]) = ((float)Wide.Sum(s0), (float)Wide.Sum(s1), (float)Wide.Sum(s2), (float)Wide.Sum(s3));
    }

    // Widened to double and padded with zeros to whole vectors.
    private static void Widen(bool bf16, byte* source, int k, double* target)
    {
        for (int i = 0; i < k; i += Wide.Lanes)
        {
            int count = int.Min(Wide.Lanes, k - i);
            (bf16 ? LoadBF16((ushort*)source + i, count) : Wide.Load((float*)source + i, count)).Store(target + i);
        }
    }

    private static Vector512<double> LoadBF16(ushort* source, int count)
    {
        Vector128<ushort> bits = Vector128<ushort>.Zero;
        if (count >= Wide.Lanes)
        {
            bits = Vector128.Load(source);
        }
        else
        {
            ushort* lanes = (ushort*)&bits;
            for (int i = 0; i < count; i++)
            {
                lanes[i] = source[i];
            }
        }

        (Vector128<uint> low, Vector128<uint> high) = Vector128.Widen(bits);
        Vector256<float> values = Vector256.ShiftLeft(Vector256.Create(low, high), 16).AsSingle();
        return Vector512.WidenLower(values.ToVector512Unsafe());
    }
}
