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

    // Weights that so many rows share are widened once for all; fewer rows widen them in registers.
    private const int ManyRows = 4;

    /// <summary>As <see cref="DotBlock{V}.Multiply"/>; the order is lane k mod 8, then the fixed tree.</summary>
    [SkipLocalsInit]
    public static void Multiply(
        bool bf16, float* x, long xStride, int* rows, int count, byte* w, int columns, int k, float* y, long yStride)
    {
        int length = (k + Wide.Lanes - 1) / Wide.Lanes * Wide.Lanes;
        double* input = stackalloc double[length];
        double* weights = stackalloc double[columns * length];
        bool few = count < ManyRows && length == k;
        for (int n = 0; n < columns && !few; n++)
        {
            Widen(bf16, w + ((long)n * k * (bf16 ? 2 : 4)), k, weights + (n * length));
        }

        for (int r = 0; r < count; r++)
        {
            Widen(bf16: false, (byte*)(x + ((rows == null ? r : rows[r]) * xStride)), k, input);
            float* target = y + (r * yStride);
            if (!few)
            {
                Row<AsDouble>(input, (byte*)weights, columns, length, target);
            }
            else if (bf16)
            {
                Row<AsBF16>(input, w, columns, length, target);
            }
            else
            {
                Row<AsF32>(input, w, columns, length, target);
            }
        }
    }

    // Weights lie row after row, a whole number of vectors each.
    private static void Row<F>(double* x, byte* w, int columns, int length, float* y) where F : struct, IFormat
    {
        int n = 0;
        for (; n + 4 <= columns; n += 4)
        {
            Four<F>(x, w + ((long)n * length * F.Size), length, y + n);
        }

        for (; n < columns; n++)
        {
            byte* row = w + ((long)n * length * F.Size);
            Vector512<double> sum = Vector512<double>.Zero;
            for (int i = 0; i < length; i += Wide.Lanes)
            {
                sum = Add(Vector512.Load(x + i), F.Load(row + (i * F.Size)), sum);
            }

            y[n] = (float)Wide.Sum(sum);
        }
    }

    private static void Four<F>(double* x, byte* w, int length, float* y) where F : struct, IFormat
    {
        int pitch = length * F.Size;
        byte* w1 = w + pitch, w2 = w1 + pitch, w3 = w2 + pitch;
        Vector512<double> s0 = Vector512<double>.Zero, s1 = s0, s2 = s0, s3 = s0;
        for (int i = 0; i < length; i += Wide.Lanes)
        {
            Vector512<double> v = Vector512.Load(x + i);
            s0 = Add(v, F.Load(w + (i * F.Size)), s0);
            s1 = Add(v, F.Load(w1 + (i * F.Size)), s1);
            s2 = Add(v, F.Load(w2 + (i * F.Size)), s2);
            s3 = Add(v, F.Load(w3 + (i * F.Size)), s3);
        }

        (y[0], y[1], y[2], y[3]) = ((float)Wide.Sum(s0), (float)Wide.Sum(s1), (float)Wide.Sum(s2), (float)Wide.Sum(s3));
    }

    // The product is exact, so it may be fused with the sum or not.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Add(Vector512<double> a, Vector512<double> b, Vector512<double> sum) => Vector512.MultiplyAddEstimate(a, b, sum);

    // Widened to double and padded with zeros to whole vectors.
    private static void Widen(bool bf16, byte* source, int k, double* target)
    {
        int whole = k / Wide.Lanes * Wide.Lanes;
        for (int i = 0; i < whole; i += Wide.Lanes)
        {
            (bf16 ? AsBF16.Load(source + (2 * i)) : AsF32.Load(source + (4 * i))).Store(target + i);
        }

        if (whole < k)
        {
            float* rest = stackalloc float[Wide.Lanes];
            for (int i = 0; i < Wide.Lanes; i++)
            {
                rest[i] = whole + i >= k ? 0 : bf16 ? BitConverter.Int32BitsToSingle(((ushort*)source)[whole + i] << 16) : ((float*)source)[whole + i];
            }

            AsF32.Load((byte*)rest).Store(target + whole);
        }
    }

    private interface IFormat
    {
        static abstract int Size { get; }

        static abstract Vector512<double> Load(byte* source);
    }

    private readonly struct AsBF16 : IFormat
    {
        public static int Size => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<double> Load(byte* source)
        {
            Vector256<uint> bits = Vector256.WidenLower(Vector128.Load((ushort*)source).ToVector256Unsafe());
            return Vector512.WidenLower(Vector256.ShiftLeft(bits, 16).AsSingle().ToVector512Unsafe());
        }
    }

    private readonly struct AsF32 : IFormat
    {
        public static int Size => 4;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<double> Load(byte* source) => Vector512.WidenLower(Vector256.Load((float*)source).ToVector512Unsafe());
    }

    private readonly struct AsDouble : IFormat
    {
        public static int Size => 8;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<double> Load(byte* source) => Vector512.Load((double*)source);
    }
}
