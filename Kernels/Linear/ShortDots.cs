using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lean.Kernels;

/// <summary>
/// Dot products of at most 128 terms (weights of few inputs, the chunked rule's q·k and k·k), in double. Small models have heads of 16 dimensions whose q·k nearly cancels, and
/// a norm right behind it: f32 sums lose digits there that the logits show. At this length double costs little.
/// </summary>
internal static unsafe class ShortDots
{
    /// <summary>The most terms.</summary>
    public const int MaxTerms = 128;

    // Rows of x that share a pass over the weights.
    private const int TileRows = 4;

    // Rows of W that are fetched before they are read.
    private const int RowsAhead = 16;
    private const int CacheLine = 64;

    // Weights that so many rows share are widened once for all; fewer rows widen them in registers.
    private const int ManyRows = 12;

    /// <summary>As <see cref="DotBlock{V}.Multiply"/>; the order is lane k mod 8, then the fixed tree.</summary>
    [SkipLocalsInit]
    public static void Multiply(
        bool bf16, float* x, long xStride, int* rows, int count, byte* w, int columns, int k, float* y, long yStride, byte* next)
    {
        int length = (k + Wide.Lanes - 1) / Wide.Lanes * Wide.Lanes;
        double* inputs = stackalloc double[TileRows * length];
        double* weights = stackalloc double[columns * length];
        bool few = count < ManyRows && length == k;
        for (int n = 0; n < columns && !few; n++)
        {
            Widen(bf16, w + ((long)n * k * (bf16 ? 2 : 4)), k, weights + (n * length));
        }

        for (int r = 0; r < count; r += TileRows)
        {
            int taken = int.Min(TileRows, count - r);
            for (int i = 0; i < taken; i++)
            {
                Widen(bf16: false, (byte*)(x + ((rows == null ? r + i : rows[r + i]) * xStride)), k, inputs + (i * length));
            }

            float* target = y + (r * yStride);
            if (!few)
            {
                Tile<AsDouble>(inputs, taken, (byte*)weights, columns, length, target, yStride, (byte*)weights);
            }
            else if (bf16)
            {
                Tile<AsBF16>(inputs, taken, w, columns, length, target, yStride, next);
            }
            else
            {
                Tile<AsF32>(inputs, taken, w, columns, length, target, yStride, next);
            }
        }
    }

    // Weights lie row after row, a whole number of vectors each.
    private static void Tile<F>(double* x, int rows, byte* w, int columns, long length, float* y, long yStride, byte* next) where F : struct, IFormat
    {
        long pitch = length * F.Size;
        int n = 0;
        for (; n + 4 <= columns; n += 4, w += 4 * pitch)
        {
            if (typeof(F) != typeof(AsDouble))
            {
                Fetch(n + RowsAhead < columns ? w + (RowsAhead * pitch) : next + ((n + RowsAhead - columns) * pitch), 4 * pitch);
            }

            switch (rows)
            {
                case 1:
                    OneByFour<F>(x, w, length).Store(y + n);
                    break;
                case 2:
                    TwoByFour<F>(x, w, length, y + n, y + yStride + n);
                    break;
                case 3:
                    // Its last row twice: cheaper than another pass over the weights.
                    FourByFour<F>(x, x + (2 * length), w, length, y + n, y + yStride + n, y + (2 * yStride) + n, y + (2 * yStride) + n);
                    break;
                default:
                    FourByFour<F>(x, x + (3 * length), w, length, y + n, y + yStride + n, y + (2 * yStride) + n, y + (3 * yStride) + n);
                    break;
            }
        }

        for (; n < columns; n++, w += pitch)
        {
            for (int r = 0; r < rows; r++)
            {
                Vector512<double> sum = Vector512<double>.Zero;
                for (long i = 0; i < length; i += Wide.Lanes)
                {
                    sum = Add(Vector512.Load(x + (r * length) + i), F.Load(w + (i * F.Size)), sum);
                }

                y[(r * yStride) + n] = (float)Wide.Sum(sum);
            }
        }
    }

    // The hardware's prefetcher stops at every page. A hint never faults.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch(byte* place, long bytes)
    {
        for (long i = 0; i < bytes && Sse.IsSupported; i += CacheLine)
        {
            Sse.Prefetch0(place + i);
        }
    }

    private static Vector128<float> OneByFour<F>(double* x, byte* w, long length) where F : struct, IFormat
    {
        long pitch = length * F.Size;
        byte* w1 = w + pitch, w2 = w1 + pitch, w3 = w2 + pitch;
        Vector512<double> s0 = Vector512<double>.Zero, s1 = s0, s2 = s0, s3 = s0;
        for (long i = 0; i < length; i += Wide.Lanes)
        {
            Vector512<double> v = Vector512.Load(x + i);
            s0 = Add(v, F.Load(w + (i * F.Size)), s0);
            s1 = Add(v, F.Load(w1 + (i * F.Size)), s1);
            s2 = Add(v, F.Load(w2 + (i * F.Size)), s2);
            s3 = Add(v, F.Load(w3 + (i * F.Size)), s3);
        }

        return Wide.Sum4(s0, s1, s2, s3);
    }

    private static void TwoByFour<F>(double* x, byte* w, long length, float* y0, float* y1) where F : struct, IFormat
    {
        long pitch = length * F.Size;
        double* x1 = x + length;
        byte* w1 = w + pitch, w2 = w1 + pitch, w3 = w2 + pitch;
        Vector512<double> s00 = Vector512<double>.Zero, s01 = s00, s02 = s00, s03 = s00, s10 = s00, s11 = s00, s12 = s00, s13 = s00;
        for (long i = 0; i < length; i += Wide.Lanes)
        {
            Vector512<double> a = Vector512.Load(x + i), b = Vector512.Load(x1 + i);
            Vector512<double> c = F.Load(w + (i * F.Size));
            (s00, s10) = (Add(a, c, s00), Add(b, c, s10));
            c = F.Load(w1 + (i * F.Size));
            (s01, s11) = (Add(a, c, s01), Add(b, c, s11));
            c = F.Load(w2 + (i * F.Size));
            (s02, s12) = (Add(a, c, s02), Add(b, c, s12));
            c = F.Load(w3 + (i * F.Size));
            (s03, s13) = (Add(a, c, s03), Add(b, c, s13));
        }

        Wide.Sum4(s00, s01, s02, s03).Store(y0);
        Wide.Sum4(s10, s11, s12, s13).Store(y1);
    }

    // Three rows that follow each other, and a fourth.
    private static void FourByFour<F>(double* x, double* x3, byte* w, long length, float* y0, float* y1, float* y2, float* y3) where F : struct, IFormat
    {
        long pitch = length * F.Size;
        double* x1 = x + length, x2 = x1 + length;
        byte* w1 = w + pitch, w2 = w1 + pitch, w3 = w2 + pitch;
        Vector512<double> s00 = Vector512<double>.Zero, s01 = s00, s02 = s00, s03 = s00, s10 = s00, s11 = s00, s12 = s00, s13 = s00;
        Vector512<double> s20 = s00, s21 = s00, s22 = s00, s23 = s00, s30 = s00, s31 = s00, s32 = s00, s33 = s00;
        for (long i = 0; i < length; i += Wide.Lanes)
        {
            Vector512<double> a = Vector512.Load(x + i), b = Vector512.Load(x1 + i), c = Vector512.Load(x2 + i), d = Vector512.Load(x3 + i);
            Vector512<double> e = F.Load(w + (i * F.Size));
            (s00, s10, s20, s30) = (Add(a, e, s00), Add(b, e, s10), Add(c, e, s20), Add(d, e, s30));
            e = F.Load(w1 + (i * F.Size));
            (s01, s11, s21, s31) = (Add(a, e, s01), Add(b, e, s11), Add(c, e, s21), Add(d, e, s31));
            e = F.Load(w2 + (i * F.Size));
            (s02, s12, s22, s32) = (Add(a, e, s02), Add(b, e, s12), Add(c, e, s22), Add(d, e, s32));
            e = F.Load(w3 + (i * F.Size));
            (s03, s13, s23, s33) = (Add(a, e, s03), Add(b, e, s13), Add(c, e, s23), Add(d, e, s33));
        }

        Wide.Sum4(s00, s01, s02, s03).Store(y0);
        Wide.Sum4(s10, s11, s12, s13).Store(y1);
        Wide.Sum4(s20, s21, s22, s23).Store(y2);
        Wide.Sum4(s30, s31, s32, s33).Store(y3);
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
