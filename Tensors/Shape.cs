using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Lean.Tensors;

/// <summary>The extents of a tensor, outermost first; up to four dimensions, held without a heap allocation.</summary>
public readonly record struct Shape
{
    /// <summary>The most dimensions a shape can have.</summary>
    public const int MaxRank = 4;

    private readonly long _d0, _d1, _d2, _d3;

    private Shape(int rank, long d0, long d1, long d2, long d3)
    {
        Rank = rank;
        (_d0, _d1, _d2, _d3) = (d0, d1, d2, d3);
        if ((d0 | d1 | d2 | d3) < 0)
        {
            ThrowNegative(long.Min(long.Min(d0, d1), long.Min(d2, d3)));
        }

        // Those beyond the rank are 1.
        Count = checked(d0 * d1 * d2 * d3);
    }

    /// <summary>A vector [d0].</summary>
    public Shape(long d0) : this(1, d0, 1, 1, 1)
    {
    }

    /// <summary>A matrix [d0, d1].</summary>
    public Shape(long d0, long d1) : this(2, d0, d1, 1, 1)
    {
    }

    /// <summary>A three-dimensional shape [d0, d1, d2].</summary>
    public Shape(long d0, long d1, long d2) : this(3, d0, d1, d2, 1)
    {
    }

    /// <summary>A four-dimensional shape [d0, d1, d2, d3].</summary>
    public Shape(long d0, long d1, long d2, long d3) : this(4, d0, d1, d2, d3)
    {
    }

    /// <summary>Makes a shape from a list of at most <see cref="MaxRank"/> extents.</summary>
    /// <exception cref="ArgumentException">More than four extents, a negative one, or a product above 2^63.</exception>
    public static Shape Of(ReadOnlySpan<long> extents) => extents.Length switch
    {
        0 => new Shape(0, 1, 1, 1, 1),
        1 => new Shape(extents[0]),
        2 => new Shape(extents[0], extents[1]),
        3 => new Shape(extents[0], extents[1], extents[2]),
        4 => new Shape(extents[0], extents[1], extents[2], extents[3]),
        _ => throw new ArgumentException($"a shape has at most {MaxRank} dimensions, got {extents.Length}", nameof(extents)),
    };

    /// <summary>The number of dimensions, 0 (a scalar) to 4.</summary>
    public int Rank { get; }

    /// <summary>The number of elements.</summary>
    public long Count { get; }

    /// <summary>The extent of dimension <paramref name="dimension"/>, 0 being the outermost.</summary>
    public long this[int dimension]
    {
        // Ops read shapes at every launch, mostly by constants: then this is one field.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            if ((uint)dimension >= (uint)Rank)
            {
                ThrowBeyond(dimension);
            }

            return dimension switch { 0 => _d0, 1 => _d1, 2 => _d2, _ => _d3 };
        }
    }

    /// <summary>Elements of one slice along the outermost dimension (1 for a vector).</summary>
    public long RowCount => Rank <= 1 ? 1 : _d1 * _d2 * _d3;

    /// <summary>The shape as messages print it, such as [17, 2048].</summary>
    public override string ToString()
    {
        Span<long> all = [_d0, _d1, _d2, _d3];
        return "[" + string.Join(", ", all[..Rank].ToArray().Select(d => d.ToString(CultureInfo.InvariantCulture))) + "]";
    }

    [DoesNotReturn]
    private static void ThrowNegative(long extent) => throw new ArgumentOutOfRangeException(nameof(extent), extent, "an extent is not negative");

    [DoesNotReturn]
    private void ThrowBeyond(int dimension) => throw new ArgumentOutOfRangeException(nameof(dimension), dimension, $"the shape has {Rank} dimensions");
}
