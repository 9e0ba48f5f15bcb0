using System.Runtime.CompilerServices;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>One argument of a launch: a view of device memory, a tensor map, or a number of 32 bits.</summary>
internal readonly struct KernelArgument
{
    private KernelArgument(bool isView, nint address, long count, int size, int bits) =>
        (IsView, Address, Count, ElementSize, Bits) = (isView, address, count, size, bits);

    /// <summary>Whether it is a view.</summary>
    public bool IsView { get; }

    /// <summary>Whether it is a tensor map, whose 128 bytes lie on the host at <see cref="Address"/>.</summary>
    public bool IsMap => !IsView && Address != 0;

    /// <summary>A view's first element, 0 for an empty one; or where a map lies.</summary>
    public nint Address { get; }

    /// <summary>Elements from a view's first to its last, those between its rows included.</summary>
    public long Count { get; }

    /// <summary>Bytes of a view's element.</summary>
    public int ElementSize { get; }

    /// <summary>A number's bits.</summary>
    public int Bits { get; }

    /// <summary>A view.</summary>
    public static KernelArgument View(in Tensor tensor)
    {
        long rows = tensor.Shape.Rank == 0 ? 1 : tensor.Shape[0];
        long count = tensor.IsEmpty || tensor.Shape.Count == 0 ? 0
            : tensor.IsContiguous ? tensor.Shape.Count : ((rows - 1) * tensor.RowStride) + tensor.Shape.RowCount;
        return new KernelArgument(true, tensor.Address, count, tensor.Type.Size(), 0);
    }

    /// <summary>A tensor map: a local variable of whoever launches, since it must stay where it is until then.</summary>
    public static unsafe KernelArgument Map(in TensorMap map) => new(false, (nint)Unsafe.AsPointer(ref Unsafe.AsRef(in map)), 0, 0, 0);

    /// <summary>An i32.</summary>
    public static KernelArgument Int(int value) => new(false, 0, 0, 0, value);

    /// <summary>An f32.</summary>
    public static KernelArgument Float(float value) => new(false, 0, 0, 0, BitConverter.SingleToInt32Bits(value));
}
