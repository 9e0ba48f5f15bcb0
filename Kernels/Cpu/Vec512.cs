using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lean.Kernels;

/// <summary>Sixteen lanes in one AVX-512 register.</summary>
internal readonly unsafe struct Vec512 : IVec<Vec512>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    private readonly Vector512<float> _v;

    [MethodImpl(Inline)]
    private Vec512(Vector512<float> v) => _v = v;

    public static bool IsSupported => Avx512F.IsSupported && Avx512BW.VL.IsSupported && Avx512DQ.IsSupported;

    public static int Registers => 32;

    public static Vec512 Zero
    {
        [MethodImpl(Inline)]
        get => new(Vector512<float>.Zero);
    }

    [MethodImpl(Inline)]
    public static Vec512 Broadcast(float value) => new(Vector512.Create(value));

    [MethodImpl(Inline)]
    public static Vec512 Load(float* source) => new(Avx512F.LoadVector512(source));

    [MethodImpl(Inline)]
    public static Vec512 LoadPartial(float* source, int count) =>
        new(Avx512F.MaskLoad(source, FirstLanes(count), Vector512<float>.Zero));

    [MethodImpl(Inline)]
    public static Vec512 LoadBF16(ushort* source) =>
        new(Avx512F.ShiftLeftLogical(Avx512F.ConvertToVector512Int32(Avx.LoadVector256(source)), 16).AsSingle());

    [MethodImpl(Inline)]
    public static Vec512 LoadBF16Partial(ushort* source, int count)
    {
        Vector256<ushort> lanes = Avx512BW.VL.CompareGreaterThan(Vector256.Create((ushort)count), Vector256<ushort>.Indices);
        return new(Avx512F.ShiftLeftLogical(
            Avx512F.ConvertToVector512Int32(Avx512BW.VL.MaskLoad(source, lanes, Vector256<ushort>.Zero)), 16).AsSingle());
    }

    [MethodImpl(Inline)]
    public static void Store(float* target, Vec512 value) => Avx512F.Store(target, value._v);

    [MethodImpl(Inline)]
    public static void StorePartial(float* target, Vec512 value, int count) =>
        Avx512F.MaskStore(target, FirstLanes(count), value._v);

    [MethodImpl(Inline)]
    public static Vec512 operator +(Vec512 left, Vec512 right) => new(Avx512F.Add(left._v, right._v));

    [MethodImpl(Inline)]
    public static Vec512 operator -(Vec512 left, Vec512 right) => new(Avx512F.Subtract(left._v, right._v));

    [MethodImpl(Inline)]
    public static Vec512 operator *(Vec512 left, Vec512 right) => new(Avx512F.Multiply(left._v, right._v));

    [MethodImpl(Inline)]
    public static Vec512 operator /(Vec512 left, Vec512 right) => new(Avx512F.Divide(left._v, right._v));

    [MethodImpl(Inline)]
    public static Vec512 Fma(Vec512 a, Vec512 b, Vec512 c) => new(Avx512F.FusedMultiplyAdd(a._v, b._v, c._v));

    [MethodImpl(Inline)]
    public static Vec512 Max(Vec512 a, Vec512 b) => new(Avx512F.Max(a._v, b._v));

    [MethodImpl(Inline)]
    public static Vec512 Min(Vec512 a, Vec512 b) => new(Avx512F.Min(a._v, b._v));

    [MethodImpl(Inline)]
    public static Vec512 SelectLess(Vec512 a, Vec512 b, Vec512 x, Vec512 y) =>
        new(Avx512F.BlendVariable(y._v, x._v, Avx512F.CompareLessThan(a._v, b._v)));

    [MethodImpl(Inline)]
    public static Vec512 Pow2(Vec512 n) => new(Avx512F.ShiftLeftLogical(
        Avx512F.Add(Avx512F.ConvertToVector512Int32(n._v), Vector512.Create(127)), 23).AsSingle());

    [MethodImpl(Inline)]
    public static Vec512 KeepFirst(Vec512 value, int count, float fill) =>
        new(Avx512F.BlendVariable(Vector512.Create(fill), value._v, FirstLanes(count)));

    [MethodImpl(Inline)]
    public static float Sum(Vec512 value) => (float)Wide.Sum(Eight(value));

    [MethodImpl(Inline)]
    public static Vector128<float> Sum4(Vec512 a, Vec512 b, Vec512 c, Vec512 d) =>
        Wide.Sum4(Eight(a), Eight(b), Eight(c), Eight(d));

    [MethodImpl(Inline)]
    public static float MaxLane(Vec512 value) =>
        Vec256x2.MaxTree(Avx.Max(value._v.GetLower(), value._v.GetUpper()));

    // Lanes i and i + 8, in double.
    [MethodImpl(Inline)]
    private static Vector512<double> Eight(Vec512 value) => Avx512F.Add(
        Avx512F.ConvertToVector512Double(value._v.GetLower()), Avx512F.ConvertToVector512Double(value._v.GetUpper()));

    [MethodImpl(Inline)]
    private static Vector512<float> FirstLanes(int count) =>
        Avx512F.CompareGreaterThan(Vector512.Create(count), Vector512<int>.Indices).AsSingle();
}
