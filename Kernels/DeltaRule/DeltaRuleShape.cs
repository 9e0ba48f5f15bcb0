using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The heads of a Gated DeltaNet layer; convolved rows hold [all q | all k | all v].</summary>
/// <param name="KeyHeads">Key heads.</param>
/// <param name="ValueHeads">Value heads, a multiple of <paramref name="KeyHeads"/>; value head j reads key head j / (ValueHeads / KeyHeads).</param>
/// <param name="KeyDim">dk, values of a key head.</param>
/// <param name="ValueDim">dv, values of a value head.</param>
public readonly record struct DeltaRuleShape(int KeyHeads, int ValueHeads, int KeyDim, int ValueDim)
{
    /// <summary>Width of a convolved row.</summary>
    public int Channels => (2 * KeyHeads * KeyDim) + (ValueHeads * ValueDim);

    /// <summary>Width of an output row.</summary>
    public int ValueWidth => ValueHeads * ValueDim;

    /// <summary>Recurrent state of <paramref name="slots"/> sequences: [slots, ValueHeads, dk, dv].</summary>
    public Shape State(long slots) => new(slots, ValueHeads, KeyDim, ValueDim);
}
