namespace Lean.Kernels.Device;

/// <summary>How much of a tensor one copy through a <see cref="TensorMap{T}"/> moves: rows of 128 bytes.</summary>
/// <param name="rows">At most 256.</param>
[AttributeUsage(AttributeTargets.Parameter)]
public sealed class TileAttribute(int rows) : Attribute
{
    /// <summary>Rows of a tile.</summary>
    public int Rows => rows;

    /// <summary>
    /// Whether the tensor streams by: nearly all of it is asked for, most by one group. L2 then fetches what is asked for and no more, where else it
    /// fetches 256 bytes: what lies beside comes by itself, and a gigabyte took 2 % longer. Products of prompts, whose tiles come again, gain nothing.
    /// </summary>
    public bool Streamed { get; init; }
}
