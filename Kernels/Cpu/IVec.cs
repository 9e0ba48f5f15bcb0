using System.Runtime.Intrinsics;

namespace Lean.Kernels;

/// <summary>
/// Sixteen f32 lanes. Kernel bodies are written once over this interface; an instruction set supplies the lanes as one
/// 512-bit register, two 256-bit registers or sixteen scalars. Every operation is one IEEE operation per lane and every
/// reduction one fixed tree, so all instruction sets give the same bits.
/// </summary>
internal unsafe interface IVec<V> where V : struct, IVec<V>
{
    /// <summary>Lanes of a vector.</summary>
    const int Lanes = 16;

    /// <summary>Vectors that fit into registers; picks tile shapes, never results.</summary>
    static abstract int Registers { get; }

    /// <summary>All lanes 0.</summary>
    static abstract V Zero { get; }

    /// <summary>All lanes <paramref name="value"/>.</summary>
    static abstract V Broadcast(float value);

    /// <summary>Sixteen consecutive values.</summary>
    static abstract V Load(float* source);

    /// <summary>The first <paramref name="count"/> (0 … 16) values; the other lanes are 0 and their memory is not touched.</summary>
    static abstract V LoadPartial(float* source, int count);

    /// <summary>Sixteen consecutive bf16 values, widened.</summary>
    static abstract V LoadBF16(ushort* source);

    /// <summary>The first <paramref name="count"/> (0 … 16) bf16 values, widened; the other lanes are 0 and their memory is not touched.</summary>
    static abstract V LoadBF16Partial(ushort* source, int count);

    /// <summary>Writes sixteen values.</summary>
    static abstract void Store(float* target, V value);

    /// <summary>Writes the first <paramref name="count"/> (0 … 16) lanes.</summary>
    static abstract void StorePartial(float* target, V value, int count);

    /// <summary>Lane-wise sum.</summary>
    static abstract V operator +(V left, V right);

    /// <summary>Lane-wise difference.</summary>
    static abstract V operator -(V left, V right);

    /// <summary>Lane-wise product.</summary>
    static abstract V operator *(V left, V right);

    /// <summary>Lane-wise quotient.</summary>
    static abstract V operator /(V left, V right);

    /// <summary>a·b + c with one rounding.</summary>
    static abstract V Fma(V a, V b, V c);

    /// <summary>a &gt; b ? a : b; so b where either is NaN.</summary>
    static abstract V Max(V a, V b);

    /// <summary>a &lt; b ? a : b; so b where either is NaN.</summary>
    static abstract V Min(V a, V b);

    /// <summary>a &lt; b ? x : y, lane by lane; y where either of a and b is NaN.</summary>
    static abstract V SelectLess(V a, V b, V x, V y);

    /// <summary>2^n for integral lanes −126 … 127.</summary>
    static abstract V Pow2(V n);

    /// <summary>Lanes below <paramref name="count"/> as they are, the others <paramref name="fill"/>.</summary>
    static abstract V KeepFirst(V value, int count, float fill);

    /// <summary>The sum of the lanes by halving: lane i with i + 8, then + 4, + 2, + 1, in double, rounded once.</summary>
    static abstract float Sum(V value);

    /// <summary>Four sums at once, each by the tree of <see cref="Sum"/>.</summary>
    static abstract Vector128<float> Sum4(V a, V b, V c, V d);

    /// <summary>The largest lane (no lane may be NaN for the answer to mean anything).</summary>
    static abstract float MaxLane(V value);
}
