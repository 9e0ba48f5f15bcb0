using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lean.Kernels;

/// <summary>Sums of products of 16-bit by 8-bit integers in 32 bits, in whole vectors: exact, so that their order is nobody's concern.</summary>
internal unsafe interface IByteDots<D> where D : struct, IByteDots<D>
{
    /// <summary>Elements of a vector; 64 is a multiple of it.</summary>
    static abstract int Step { get; }

    /// <summary>No sum yet.</summary>
    static abstract D Zero { get; }

    /// <summary>A vector of the 16-bit side.</summary>
    static abstract D Load(short* source);

    /// <summary>A vector of the 8-bit side.</summary>
    static abstract D Widen(sbyte* source);

    /// <summary>The sum and the products of two vectors.</summary>
    static abstract D Add(D sum, D a, D b);

    /// <summary>Four sums over their lanes.</summary>
    static abstract Vector128<int> Sum4(D a, D b, D c, D d);
}

/// <summary>AVX-512.</summary>
internal readonly unsafe struct ByteDots512 : IByteDots<ByteDots512>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    private readonly Vector512<int> _v;

    [MethodImpl(Inline)]
    private ByteDots512(Vector512<int> v) => _v = v;

    public static int Step => 32;

    public static ByteDots512 Zero
    {
        [MethodImpl(Inline)]
        get => new(Vector512<int>.Zero);
    }

    [MethodImpl(Inline)]
    public static ByteDots512 Load(short* source) => new(Vector512.Load(source).AsInt32());

    [MethodImpl(Inline)]
    public static ByteDots512 Widen(sbyte* source) => new(Avx512BW.ConvertToVector512Int16(Vector256.Load(source)).AsInt32());

    [MethodImpl(Inline)]
    public static ByteDots512 Add(ByteDots512 sum, ByteDots512 a, ByteDots512 b) => new(sum._v + Avx512BW.MultiplyAddAdjacent(a._v.AsInt16(), b._v.AsInt16()));

    [MethodImpl(Inline)]
    public static Vector128<int> Sum4(ByteDots512 a, ByteDots512 b, ByteDots512 c, ByteDots512 d)
    {
        // Neighbours of two sums, then of four: each 128 bits hold a part of each.
        Vector512<long> ab = (Avx512F.UnpackLow(a._v, b._v) + Avx512F.UnpackHigh(a._v, b._v)).AsInt64();
        Vector512<long> cd = (Avx512F.UnpackLow(c._v, d._v) + Avx512F.UnpackHigh(c._v, d._v)).AsInt64();
        Vector512<int> all = Avx512F.UnpackLow(ab, cd).AsInt32() + Avx512F.UnpackHigh(ab, cd).AsInt32();
        Vector256<int> half = all.GetLower() + all.GetUpper();
        return half.GetLower() + half.GetUpper();
    }
}

/// <summary>AVX2.</summary>
internal readonly unsafe struct ByteDots256 : IByteDots<ByteDots256>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    private readonly Vector256<int> _v;

    [MethodImpl(Inline)]
    private ByteDots256(Vector256<int> v) => _v = v;

    public static int Step => 16;

    public static ByteDots256 Zero
    {
        [MethodImpl(Inline)]
        get => new(Vector256<int>.Zero);
    }

    [MethodImpl(Inline)]
    public static ByteDots256 Load(short* source) => new(Vector256.Load(source).AsInt32());

    [MethodImpl(Inline)]
    public static ByteDots256 Widen(sbyte* source) => new(Avx2.ConvertToVector256Int16(Vector128.Load(source)).AsInt32());

    [MethodImpl(Inline)]
    public static ByteDots256 Add(ByteDots256 sum, ByteDots256 a, ByteDots256 b) => new(sum._v + Avx2.MultiplyAddAdjacent(a._v.AsInt16(), b._v.AsInt16()));

    [MethodImpl(Inline)]
    public static Vector128<int> Sum4(ByteDots256 a, ByteDots256 b, ByteDots256 c, ByteDots256 d)
    {
        Vector256<long> ab = (Avx2.UnpackLow(a._v, b._v) + Avx2.UnpackHigh(a._v, b._v)).AsInt64();
        Vector256<long> cd = (Avx2.UnpackLow(c._v, d._v) + Avx2.UnpackHigh(c._v, d._v)).AsInt64();
        Vector256<int> all = Avx2.UnpackLow(ab, cd).AsInt32() + Avx2.UnpackHigh(ab, cd).AsInt32();
        return all.GetLower() + all.GetUpper();
    }
}

/// <summary>Any CPU.</summary>
internal readonly unsafe struct ByteDots128 : IByteDots<ByteDots128>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    private readonly Vector128<short> _v;  // a vector
    private readonly Vector128<int> _sum; // or a sum

    [MethodImpl(Inline)]
    private ByteDots128(Vector128<short> v) => _v = v;

    [MethodImpl(Inline)]
    private ByteDots128(Vector128<int> sum) => _sum = sum;

    public static int Step => 8;

    public static ByteDots128 Zero
    {
        [MethodImpl(Inline)]
        get => new(Vector128<int>.Zero);
    }

    [MethodImpl(Inline)]
    public static ByteDots128 Load(short* source) => new(Vector128.Load(source));

    [MethodImpl(Inline)]
    public static ByteDots128 Widen(sbyte* source) => new(Vector128.WidenLower(Vector64.Load(source).ToVector128Unsafe()));

    [MethodImpl(Inline)]
    public static ByteDots128 Add(ByteDots128 sum, ByteDots128 a, ByteDots128 b) => new(
        sum._sum + (Vector128.WidenLower(a._v) * Vector128.WidenLower(b._v)) + (Vector128.WidenUpper(a._v) * Vector128.WidenUpper(b._v)));

    [MethodImpl(Inline)]
    public static Vector128<int> Sum4(ByteDots128 a, ByteDots128 b, ByteDots128 c, ByteDots128 d) =>
        Vector128.Create(Vector128.Sum(a._sum), Vector128.Sum(b._sum), Vector128.Sum(c._sum), Vector128.Sum(d._sum));
}
