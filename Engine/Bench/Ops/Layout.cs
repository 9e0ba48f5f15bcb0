using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>
/// Tensors of one launch that lie together. As many such sets as fit lie one behind the other in a pool, and launches
/// take them in turn.
/// </summary>
internal sealed class Layout
{
    private const long Alignment = 256;

    private readonly List<(DType Type, Shape Shape, long Offset)> _tensors = [];

    /// <summary>Bytes of a set.</summary>
    public long Bytes { get; private set; }

    /// <summary>Adds a tensor and returns its number.</summary>
    public int Add(DType type, Shape shape)
    {
        _tensors.Add((type, shape, Bytes));
        Bytes += ((shape.Count * type.Size()) + Alignment - 1) / Alignment * Alignment;
        return _tensors.Count - 1;
    }

    /// <summary>A tensor of the set that begins at an address.</summary>
    public Tensor At(nint address, int number)
    {
        (DType type, Shape shape, long offset) = _tensors[number];
        return new Tensor(type, shape, address + (nint)offset);
    }
}
