namespace Lean.Kernels.Device;

/// <summary>How much of a tensor one copy through a <see cref="TensorMap{T}"/> moves: rows of 128 bytes.</summary>
/// <param name="rows">At most 256.</param>
[AttributeUsage(AttributeTargets.Parameter)]
public sealed class TileAttribute(int rows) : Attribute
{
    /// <summary>Rows of a tile.</summary>
    public int Rows => rows;

    /// <summary>
    /// Whether the tensor is read through once. L2 then fetches what is asked for and no more: a stream's neighbours come by themselves,
    /// and 256 bytes at a time took 2 % longer over a gigabyte. Where other groups read the same again it pays to fetch them.
    /// </summary>
    public bool Once { get; init; }
}
