using System.Numerics;
using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// The one order of sums over ranks: ((p₀ + p₁) + p₂) + …, by the places of the group; floats in f32, rounded to the travelling
/// type once, at the end. An element's sum depends on nothing but its parts, so whoever computes whichever piece, the bits are
/// the same.
/// </summary>
internal static unsafe class ExactSum
{
    private const int Block = 512;

    /// <summary>Whether elements of a type can be added.</summary>
    public static bool Supports(DType type) => type is DType.F32 or DType.F16 or DType.BF16 or DType.I32 or DType.I64;

    /// <summary>Adds elements <paramref name="first"/> … of all parts and stores the sums at the same place of each target, which may be parts.</summary>
    public static void Add(DType type, ReadOnlySpan<nint> parts, ReadOnlySpan<nint> targets, long first, long count, long targetFirst)
    {
        Span<float> sums = stackalloc float[Block];
        Span<ushort> rounded = stackalloc ushort[Block];
        for (long done = 0; done < count; done += Block)
        {
            int length = (int)long.Min(Block, count - done);
            (long from, long to) = (first + done, targetFirst + done);
            switch (type)
            {
                case DType.F32:
                    AddFloats(parts, from, sums[..length]);
                    Store<float>(targets, to, sums[..length]);
                    break;
                case DType.BF16 or DType.F16:
                    AddHalves(type, parts, from, sums[..length]);
                    Round(type, sums[..length], rounded);
                    Store<ushort>(targets, to, rounded[..length]);
                    break;
                case DType.I32:
                    AddIntegers<int>(parts, targets, from, to, length);
                    break;
                case DType.I64:
                    AddIntegers<long>(parts, targets, from, to, length);
                    break;
                default:
                    throw new ArgumentOutOfRangeException(nameof(type), type, "cannot be added");
            }
        }
    }

    private static void AddFloats(ReadOnlySpan<nint> parts, long first, Span<float> sums)
    {
        Span<Vector<float>> wide = MemoryMarshal.Cast<float, Vector<float>>(sums);
        Elements<float>(parts[0], first, sums.Length).CopyTo(sums);
        for (int p = 1; p < parts.Length; p++)
        {
            ReadOnlySpan<float> part = Elements<float>(parts[p], first, sums.Length);
            ReadOnlySpan<Vector<float>> widePart = MemoryMarshal.Cast<float, Vector<float>>(part);
            for (int i = 0; i < wide.Length; i++)
            {
                wide[i] += widePart[i];
            }

            for (int i = wide.Length * Vector<float>.Count; i < sums.Length; i++)
            {
                sums[i] += part[i];
            }
        }
    }

    private static void AddHalves(DType type, ReadOnlySpan<nint> parts, long first, Span<float> sums)
    {
        for (int p = 0; p < parts.Length; p++)
        {
            ReadOnlySpan<ushort> part = Elements<ushort>(parts[p], first, sums.Length);
            for (int i = 0; i < sums.Length; i++)
            {
                float value = type == DType.BF16 ? DTypes.BF16ToF32(part[i]) : (float)BitConverter.UInt16BitsToHalf(part[i]);
                sums[i] = p == 0 ? value : sums[i] + value;
            }
        }
    }

    private static void Round(DType type, ReadOnlySpan<float> sums, Span<ushort> rounded)
    {
        for (int i = 0; i < sums.Length; i++)
        {
            rounded[i] = type == DType.BF16 ? DTypes.F32ToBF16(sums[i]) : BitConverter.HalfToUInt16Bits((Half)sums[i]);
        }
    }

    private static void AddIntegers<T>(ReadOnlySpan<nint> parts, ReadOnlySpan<nint> targets, long first, long targetFirst, int length)
        where T : unmanaged, IBinaryInteger<T>
    {
        Span<T> sums = stackalloc T[Block];
        sums.Clear();
        foreach (nint part in parts)
        {
            ReadOnlySpan<T> values = Elements<T>(part, first, length);
            for (int i = 0; i < length; i++)
            {
                sums[i] = unchecked(sums[i] + values[i]);
            }
        }

        Store<T>(targets, targetFirst, sums[..length]);
    }

    private static void Store<T>(ReadOnlySpan<nint> targets, long first, ReadOnlySpan<T> values) where T : unmanaged
    {
        foreach (nint target in targets)
        {
            values.CopyTo(new Span<T>((T*)target + first, values.Length));
        }
    }

    private static ReadOnlySpan<T> Elements<T>(nint address, long first, int count) where T : unmanaged => new((T*)address + first, count);
}
