using System.Runtime.CompilerServices;

namespace Lean.Kernels;

/// <summary>How weights of one element type become lanes.</summary>
internal unsafe interface IWeightFormat<V> where V : struct, IVec<V>
{
    /// <summary>Bytes of an element.</summary>
    static abstract int Size { get; }

    /// <summary>Sixteen weights from element <paramref name="index"/> of a row.</summary>
    static abstract V Load(byte* row, long index);

    /// <summary>The first <paramref name="count"/> weights from element <paramref name="index"/>; other lanes 0.</summary>
    static abstract V LoadPartial(byte* row, long index, int count);
}

/// <summary>bf16 weights, widened as they are read.</summary>
internal readonly unsafe struct BF16Format<V> : IWeightFormat<V> where V : struct, IVec<V>
{
    public static int Size => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Load(byte* row, long index) => V.LoadBF16((ushort*)row + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V LoadPartial(byte* row, long index, int count) => V.LoadBF16Partial((ushort*)row + index, count);
}

/// <summary>f32 weights.</summary>
internal readonly unsafe struct F32Format<V> : IWeightFormat<V> where V : struct, IVec<V>
{
    public static int Size => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Load(byte* row, long index) => V.Load((float*)row + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V LoadPartial(byte* row, long index, int count) => V.LoadPartial((float*)row + index, count);
}
