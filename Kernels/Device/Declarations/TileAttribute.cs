namespace Lean.Kernels.Device;

/// <summary>How much of a tensor one copy through a <see cref="TensorMap{T}"/> moves: rows of 128 bytes.</summary>
/// <param name="rows">At most 256.</param>
[AttributeUsage(AttributeTargets.Parameter)]
public sealed class TileAttribute(int rows) : Attribute
{
    /// <summary>Rows of a tile.</summary>
    public int Rows => rows;
}
