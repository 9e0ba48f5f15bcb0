using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using FusedX86 = System.Runtime.Intrinsics.X86.Fma;

namespace Lean.Kernels;

/// <summary>Sixteen lanes in two AVX2 registers.</summary>
internal readonly unsafe struct Vec256x2 : IVec<Vec256x2>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    private readonly Vector256<float> _lo;
    private readonly Vector256<float> _hi;

    [MethodImpl(Inline)]
    private Vec256x2(Vector256<float> lo, Vector256<float> hi)
    {
        _lo = lo;
        _hi = hi;
    }

    public static bool IsSupported => Avx2.IsSupported && FusedX86.IsSupported;

    public static int Registers => 8;

    public static Vec256x2 Zero
    {
        [MethodImpl(Inline)]
        get => new(Vector256<float>.Zero, Vector256<float>.Zero);
    }

    [MethodImpl(Inline)]
    public static Vec256x2 Broadcast(float value)
    {
        Vector256<float> v = Vector256.Create(value);
        return new(v, v);
    }

    [MethodImpl(Inline)]
    public static Vec256x2 Load(float* source) => new(Avx.LoadVector256(source), Avx.LoadVector256(source + 8));

    [MethodImpl(Inline)]
    public static Vec256x2 LoadPartial(float* source, int count) => new(
        Avx.MaskLoad(source, FirstLanes(count)), Avx.MaskLoad(source + 8, FirstLanes(count - 8)));

    [MethodImpl(Inline)]
    public static Vec256x2 LoadBF16(ushort* source) => new(Widen(source), Widen(source + 8));

    // Copied without a call: a call would cost the sums around it their registers.
    [MethodImpl(Inline)]
    public static Vec256x2 LoadBF16Partial(ushort* source, int count)
    {
        Vector256<ushort> copy = Vector256<ushort>.Zero;
        ushort* lanes = (ushort*)&copy;
        for (int i = 0; i < count; i++)
        {
            lanes[i] = source[i];
        }

        return LoadBF16(lanes);
    }

    [MethodImpl(Inline)]
    public static void Store(float* target, Vec256x2 value)
    {
        Avx.Store(target, value._lo);
        Avx.Store(target + 8, value._hi);
    }

    [MethodImpl(Inline)]
    public static void StorePartial(float* target, Vec256x2 value, int count)
    {
        Avx.MaskStore(target, FirstLanes(count), value._lo);
        Avx.MaskStore(target + 8, FirstLanes(count - 8), value._hi);
    }

    [MethodImpl(Inline)]
    public static Vec256x2 operator +(Vec256x2 left, Vec256x2 right) =>
        new(Avx.Add(left._lo, right._lo), Avx.Add(left._hi, right._hi));

    [MethodImpl(Inline)]
    public static Vec256x2 operator -(Vec256x2 left, Vec256x2 right) =>
        new(Avx.Subtract(left._lo, right._lo), Avx.Subtract(left._hi, right._hi));

    [MethodImpl(Inline)]
    public static Vec256x2 operator *(Vec256x2 left, Vec256x2 right) =>
        new(Avx.Multiply(left._lo, right._lo), Avx.Multiply(left._hi, right._hi));

    [MethodImpl(Inline)]
    public static Vec256x2 operator /(Vec256x2 left, Vec256x2 right) =>
        new(Avx.Divide(left._lo, right._lo), Avx.Divide(left._hi, right._hi));

    [MethodImpl(Inline)]
    public static Vec256x2 Fma(Vec256x2 a, Vec256x2 b, Vec256x2 c) =>
        new(FusedX86.MultiplyAdd(a._lo, b._lo, c._lo), FusedX86.MultiplyAdd(a._hi, b._hi, c._hi));

    [MethodImpl(Inline)]
    public static Vec256x2 Max(Vec256x2 a, Vec256x2 b) => new(Avx.Max(a._lo, b._lo), Avx.Max(a._hi, b._hi));

    [MethodImpl(Inline)]
    public static Vec256x2 Min(Vec256x2 a, Vec256x2 b) => new(Avx.Min(a._lo, b._lo), Avx.Min(a._hi, b._hi));

    [MethodImpl(Inline)]
    public static Vec256x2 SelectLess(Vec256x2 a, Vec256x2 b, Vec256x2 x, Vec256x2 y) => new(
        Avx.BlendVariable(y._lo, x._lo, Avx.CompareLessThan(a._lo, b._lo)),
        Avx.BlendVariable(y._hi, x._hi, Avx.CompareLessThan(a._hi, b._hi)));

    [MethodImpl(Inline)]
    public static Vec256x2 Pow2(Vec256x2 n) => new(Pow2(n._lo), Pow2(n._hi));

    [MethodImpl(Inline)]
    public static Vec256x2 KeepFirst(Vec256x2 value, int count, float fill)
    {
        Vector256<float> rest = Vector256.Create(fill);
        return new(
            Avx.BlendVariable(rest, value._lo, FirstLanes(count)),
            Avx.BlendVariable(rest, value._hi, FirstLanes(count - 8)));
    }

    [MethodImpl(Inline)]
    public static float Sum(Vec256x2 value) => (float)Tree(Half(value));

    [MethodImpl(Inline)]
    public static Vector128<float> Sum4(Vec256x2 a, Vec256x2 b, Vec256x2 c, Vec256x2 d) =>
        Tree4(Half(a), Half(b), Half(c), Half(d));

    [MethodImpl(Inline)]
    public static float MaxLane(Vec256x2 value) => MaxTree(Avx.Max(value._lo, value._hi));

    /// <summary>The sum of four lanes: i with i + 2, then + 1.</summary>
    [MethodImpl(Inline)]
    internal static double Tree(Vector256<double> v)
    {
        Vector128<double> s = Sse2.Add(v.GetLower(), v.GetUpper());
        return s[0] + s[1];
    }

    /// <summary>Four sums of four lanes, each by the tree of <see cref="Tree"/>, rounded to f32.</summary>
    [MethodImpl(Inline)]
    internal static Vector128<float> Tree4(Vector256<double> a, Vector256<double> b, Vector256<double> c, Vector256<double> d)
    {
        Vector128<double> a2 = Sse2.Add(a.GetLower(), a.GetUpper());
        Vector128<double> b2 = Sse2.Add(b.GetLower(), b.GetUpper());
        Vector128<double> c2 = Sse2.Add(c.GetLower(), c.GetUpper());
        Vector128<double> d2 = Sse2.Add(d.GetLower(), d.GetUpper());
        Vector128<double> ab = Sse2.Add(Sse2.UnpackLow(a2, b2), Sse2.UnpackHigh(a2, b2));
        Vector128<double> cd = Sse2.Add(Sse2.UnpackLow(c2, d2), Sse2.UnpackHigh(c2, d2));
        return Sse.MoveLowToHigh(Sse2.ConvertToVector128Single(ab), Sse2.ConvertToVector128Single(cd));
    }

    [MethodImpl(Inline)]
    internal static float MaxTree(Vector256<float> v)
    {
        Vector128<float> m = Sse.Max(v.GetLower(), v.GetUpper());
        m = Sse.Max(m, Sse.MoveHighToLow(m, m));
        return m[0] > m[1] ? m[0] : m[1];
    }

    // Lanes i and i + 8, then i and i + 4, in double.
    [MethodImpl(Inline)]
    private static Vector256<double> Half(Vec256x2 value)
    {
        Vector256<double> low = Avx.Add(
            Avx.ConvertToVector256Double(value._lo.GetLower()), Avx.ConvertToVector256Double(value._hi.GetLower()));
        Vector256<double> high = Avx.Add(
            Avx.ConvertToVector256Double(value._lo.GetUpper()), Avx.ConvertToVector256Double(value._hi.GetUpper()));
        return Avx.Add(low, high);
    }

    [MethodImpl(Inline)]
    private static Vector256<float> Widen(ushort* source) =>
        Avx2.ShiftLeftLogical(Avx2.ConvertToVector256Int32(Sse2.LoadVector128(source)), 16).AsSingle();

    [MethodImpl(Inline)]
    private static Vector256<float> Pow2(Vector256<float> n) =>
        Avx2.ShiftLeftLogical(Avx2.Add(Avx.ConvertToVector256Int32(n), Vector256.Create(127)), 23).AsSingle();

    [MethodImpl(Inline)]
    private static Vector256<float> FirstLanes(int count) =>
        Avx2.CompareGreaterThan(Vector256.Create(count), Vector256<int>.Indices).AsSingle();
}
