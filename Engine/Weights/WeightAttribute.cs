namespace Lean.Engine.Weights;

/// <summary>
/// Marks a property of a <see cref="WeightSetAttribute">weight set</see> as a tensor of the checkpoint: its name
/// below the set's prefix, and its shape in the integer properties of <see cref="Models.ModelConfig"/>.
/// A property of type Tensor[] takes one tensor per value of {e} = 0 … <see cref="Repeat"/> − 1.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class WeightAttribute : Attribute
{
    /// <summary>Names the tensor and its extents, outermost first, such as ("q_proj.weight", "2 * Heads * HeadDim", "Hidden").</summary>
    public WeightAttribute(string name, params string[] shape)
    {
        Name = name;
        Shape = shape;
    }

    /// <summary>The name below the set's prefix; {e} stands for the repetition's index.</summary>
    public string Name { get; }

    /// <summary>The extents as expressions of +, -, *, / (of what divides exactly), parentheses, integers and configuration symbols.</summary>
    public string[] Shape { get; }

    /// <summary>How tensor parallelism divides it.</summary>
    public TensorSplit Split { get; init; }

    /// <summary>For <see cref="TensorSplit.Rows"/> and <see cref="TensorSplit.Columns"/>: how many consecutive indices never part (a head's rows).</summary>
    public string Unit { get; init; } = "1";

    /// <summary>
    /// How many groups of heads lie along the divided dimension (the KV heads with the query heads that read them, the key
    /// heads of Gated DeltaNet with their value heads), as an expression. Ranks take whole groups; where there are more ranks
    /// than groups, those that share one divide its units. Without it the units themselves are divided.
    /// </summary>
    public string? Groups { get; init; }

    /// <summary>Whether ranks that share a group each hold its unit, rather than dividing the group's units (a KV head).</summary>
    public bool SharedUnits { get; init; }

    /// <summary>
    /// For a dimension of several parts (q | k | v), each divided on its own: the parts' extents and units, as
    /// "extent : unit", or "extent : unit : shared" where <see cref="SharedUnits"/> holds for the part.
    /// </summary>
    public string[]? Parts { get; init; }

    /// <summary>Whether the parts lie together in each group, group after group, instead of end to end.</summary>
    public bool Interleaved { get; init; }

    /// <summary>For <see cref="TensorSplit.Experts"/> and repeated tensors: how tensor parallelism without expert parallelism slices each expert.</summary>
    public TensorSplit ExpertSplit { get; init; }

    /// <summary>For a property of type Tensor[]: how many, as an expression.</summary>
    public string? Repeat { get; init; }
}
