using System.Runtime.CompilerServices;

namespace Lean.Tensors;

/// <summary>
/// A view of memory that somebody else owns: an element type, a shape and an address. Elements are row-major;
/// rows (slices along the outermost dimension) may lie further apart than they are long, so that a view can be a
/// range of columns. The owner (<see cref="HostBuffer"/>, a mapped file) must outlive the view.
/// </summary>
public readonly struct Tensor : IEquatable<Tensor>
{
    /// <summary>Makes a view whose rows are contiguous.</summary>
    /// <param name="type">The element type.</param>
    /// <param name="shape">The extents.</param>
    /// <param name="address">The first element's address on the owner's device.</param>
    public Tensor(DType type, Shape shape, nint address) : this(type, shape, address, shape.RowCount)
    {
    }

    private Tensor(DType type, Shape shape, nint address, long rowStride)
    {
        Type = type;
        Shape = shape;
        Address = address;
        RowStride = rowStride;
    }

    /// <summary>The element type.</summary>
    public DType Type { get; }

    /// <summary>The extents, outermost first.</summary>
    public Shape Shape { get; }

    /// <summary>The first element's address on the owner's device.</summary>
    public nint Address { get; }

    /// <summary>Elements from one row (slice along the outermost dimension) to the next.</summary>
    public long RowStride { get; }

    /// <summary>Whether the elements lie without gaps.</summary>
    public bool IsContiguous => RowStride == Shape.RowCount || Shape.Rank == 0 || Shape[0] <= 1;

    /// <summary>Whether the view was never set.</summary>
    public bool IsEmpty => Address == 0;

    /// <summary>Bytes the elements take, without gaps.</summary>
    public long Bytes => Shape.Count * Type.Size();

    /// <summary>Rows <paramref name="start"/> … <paramref name="start"/> + <paramref name="count"/> − 1 of the outermost dimension.</summary>
    public Tensor Rows(long start, long count)
    {
        if (start < 0 || count < 0 || start > Shape[0] - count)
        {
            throw new ArgumentOutOfRangeException(nameof(start), start, $"rows {start}…{start + count} of {Shape}");
        }

        Shape shape = Shape.Rank switch
        {
            1 => new Shape(count),
            2 => new Shape(count, Shape[1]),
            3 => new Shape(count, Shape[1], Shape[2]),
            _ => new Shape(count, Shape[1], Shape[2], Shape[3]),
        };
        return new Tensor(Type, shape, Address + (nint)(start * RowStride * Type.Size()), RowStride);
    }

    /// <summary>Columns <paramref name="start"/> … of a matrix, as a view with the same rows.</summary>
    public Tensor Columns(long start, long count)
    {
        if (Shape.Rank != 2 || start < 0 || count < 0 || start > Shape[1] - count)
        {
            throw new ArgumentOutOfRangeException(nameof(start), start, $"columns {start}…{start + count} of {Shape}");
        }

        return new Tensor(Type, new Shape(Shape[0], count), Address + (nint)(start * Type.Size()), RowStride);
    }

    /// <summary>Slice <paramref name="index"/> along the outermost dimension, one dimension fewer.</summary>
    public Tensor Slice(long index)
    {
        Tensor row = Rows(index, 1);
        Shape shape = Shape.Rank switch
        {
            1 => Shape.Of([]),
            2 => new Shape(Shape[1]),
            3 => new Shape(Shape[1], Shape[2]),
            _ => new Shape(Shape[1], Shape[2], Shape[3]),
        };
        return new Tensor(Type, shape, row.Address);
    }

    /// <summary>The same contiguous elements under another shape of the same count.</summary>
    public Tensor Reshape(Shape shape)
    {
        if (shape.Count != Shape.Count || !IsContiguous)
        {
            throw new ArgumentException($"cannot view {Shape} (row stride {RowStride}) as {shape}", nameof(shape));
        }

        return new Tensor(Type, shape, Address);
    }

    /// <summary>The elements of a contiguous view in host memory.</summary>
    /// <typeparam name="T">A type of the element's size.</typeparam>
    public unsafe Span<T> AsSpan<T>() where T : unmanaged
    {
        if (Unsafe.SizeOf<T>() != Type.Size() || !IsContiguous)
        {
            throw new InvalidOperationException($"cannot read {Type.Name()} {Shape} (row stride {RowStride}) as {typeof(T).Name}");
        }

        return new Span<T>((void*)Address, checked((int)Shape.Count));
    }

    /// <inheritdoc/>
    public bool Equals(Tensor other) =>
        (Type, Shape, Address, RowStride) == (other.Type, other.Shape, other.Address, other.RowStride);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Tensor other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Type, Shape, Address, RowStride);

    /// <summary>Whether both views name the same memory in the same way.</summary>
    public static bool operator ==(Tensor left, Tensor right) => left.Equals(right);

    /// <summary>Whether the views differ.</summary>
    public static bool operator !=(Tensor left, Tensor right) => !left.Equals(right);

    /// <summary>Type and shape, as messages print them: bf16 [2048, 256].</summary>
    public override string ToString() => $"{Type.Name()} {Shape}";
}
