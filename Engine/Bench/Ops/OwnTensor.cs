using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>A tensor that every launch of a benchmark uses: activations, which a step leaves in caches, and index tensors.</summary>
/// <param name="Type">Its element type.</param>
/// <param name="Shape">Its extents.</param>
/// <param name="Random">Whether it is filled with random values, of f32 or bf16; else it is NaN until something writes it.</param>
/// <param name="Integers">Its values, or null.</param>
/// <param name="Values">Its values, or null.</param>
internal sealed record OwnTensor(DType Type, Shape Shape, bool Random = false, int[]? Integers = null, float[]? Values = null)
{
    /// <summary>Its size.</summary>
    public long Bytes => Shape.Count * Type.Size();
}
