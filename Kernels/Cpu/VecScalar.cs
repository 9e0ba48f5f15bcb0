using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lean.Kernels;

/// <summary>
/// Sixteen lanes one after the other, for a CPU with none of the vector extensions. The fused multiply-add keeps the
/// bits of the other sets; where the CPU has no such instruction, the C library computes it, slowly.
/// </summary>
internal unsafe struct VecScalar : IVec<VecScalar>
{
    private Block _v;

    public static int Registers => 1;

    public static VecScalar Zero => default;

    public static VecScalar Broadcast(float value)
    {
        VecScalar r = default;
        for (int i = 0; i < IVec<VecScalar>.Lanes; i++)
        {
            r._v[i] = value;
        }

        return r;
    }

    public static VecScalar Load(float* source) => LoadPartial(source, IVec<VecScalar>.Lanes);

    public static VecScalar LoadPartial(float* source, int count)
    {
        VecScalar r = default;
        for (int i = 0; i < count; i++)
        {
            r._v[i] = source[i];
        }

        return r;
    }

    public static VecScalar LoadBF16(ushort* source) => LoadBF16Partial(source, IVec<VecScalar>.Lanes);

    public static VecScalar LoadBF16Partial(ushort* source, int count)
    {
        VecScalar r = default;
        for (int i = 0; i < count; i++)
        {
            r._v[i] = BitConverter.UInt32BitsToSingle((uint)source[i] << 16);
        }

        return r;
    }

    public static void Store(float* target, VecScalar value) => StorePartial(target, value, IVec<VecScalar>.Lanes);

    public static void StorePartial(float* target, VecScalar value, int count)
    {
        for (int i = 0; i < count; i++)
        {
            target[i] = value._v[i];
        }
    }

    public static VecScalar operator +(VecScalar left, VecScalar right) => Each<Plus>(left, right);

    public static VecScalar operator -(VecScalar left, VecScalar right) => Each<Minus>(left, right);

    public static VecScalar operator *(VecScalar left, VecScalar right) => Each<Times>(left, right);

    public static VecScalar operator /(VecScalar left, VecScalar right) => Each<Over>(left, right);

    public static VecScalar Fma(VecScalar a, VecScalar b, VecScalar c)
    {
        for (int i = 0; i < IVec<VecScalar>.Lanes; i++)
        {
            c._v[i] = MathF.FusedMultiplyAdd(a._v[i], b._v[i], c._v[i]);
        }

        return c;
    }

    public static VecScalar Max(VecScalar a, VecScalar b) => Each<Larger>(a, b);

    public static VecScalar Min(VecScalar a, VecScalar b) => Each<Smaller>(a, b);

    public static VecScalar SelectLess(VecScalar a, VecScalar b, VecScalar x, VecScalar y)
    {
        for (int i = 0; i < IVec<VecScalar>.Lanes; i++)
        {
            y._v[i] = a._v[i] < b._v[i] ? x._v[i] : y._v[i];
        }

        return y;
    }

    public static VecScalar Pow2(VecScalar n)
    {
        for (int i = 0; i < IVec<VecScalar>.Lanes; i++)
        {
            n._v[i] = BitConverter.Int32BitsToSingle(((int)n._v[i] + 127) << 23);
        }

        return n;
    }

    public static VecScalar KeepFirst(VecScalar value, int count, float fill)
    {
        for (int i = int.Max(count, 0); i < IVec<VecScalar>.Lanes; i++)
        {
            value._v[i] = fill;
        }

        return value;
    }

    public static float Sum(VecScalar value)
    {
        const int first = IVec<VecScalar>.Lanes / 2;
        double* sums = stackalloc double[first];
        for (int i = 0; i < first; i++)
        {
            sums[i] = (double)value._v[i] + value._v[i + first];
        }

        for (int half = first / 2; half > 0; half /= 2)
        {
            for (int i = 0; i < half; i++)
            {
                sums[i] += sums[i + half];
            }
        }

        return (float)sums[0];
    }

    public static Vector128<float> Sum4(VecScalar a, VecScalar b, VecScalar c, VecScalar d) =>
        Vector128.Create(Sum(a), Sum(b), Sum(c), Sum(d));

    public static float MaxLane(VecScalar value)
    {
        float max = value._v[0];
        for (int i = 1; i < IVec<VecScalar>.Lanes; i++)
        {
            max = max > value._v[i] ? max : value._v[i];
        }

        return max;
    }

    private static VecScalar Each<TOp>(VecScalar a, VecScalar b) where TOp : struct, IOp
    {
        for (int i = 0; i < IVec<VecScalar>.Lanes; i++)
        {
            a._v[i] = TOp.Of(a._v[i], b._v[i]);
        }

        return a;
    }

    private interface IOp
    {
        static abstract float Of(float a, float b);
    }

    private readonly struct Plus : IOp
    {
        public static float Of(float a, float b) => a + b;
    }

    private readonly struct Minus : IOp
    {
        public static float Of(float a, float b) => a - b;
    }

    private readonly struct Times : IOp
    {
        public static float Of(float a, float b) => a * b;
    }

    private readonly struct Over : IOp
    {
        public static float Of(float a, float b) => a / b;
    }

    private readonly struct Larger : IOp
    {
        public static float Of(float a, float b) => a > b ? a : b;
    }

    private readonly struct Smaller : IOp
    {
        public static float Of(float a, float b) => a < b ? a : b;
    }

    [InlineArray(IVec<VecScalar>.Lanes)]
    private struct Block
    {
        private float _first;
    }
}
