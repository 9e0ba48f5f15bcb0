using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>One argument of a launch: a view of device memory, or a number of 32 bits.</summary>
internal readonly struct KernelArgument
{
    private KernelArgument(bool isView, nint address, long count, int size, int bits) =>
        (IsView, Address, Count, ElementSize, Bits) = (isView, address, count, size, bits);

    /// <summary>Whether it is a view.</summary>
    public bool IsView { get; }

    /// <summary>A view's first element; 0 for an empty one.</summary>
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

    /// <summary>An i32.</summary>
    public static KernelArgument Int(int value) => new(false, 0, 0, 0, value);

    /// <summary>An f32.</summary>
    public static KernelArgument Float(float value) => new(false, 0, 0, 0, BitConverter.SingleToInt32Bits(value));
}
