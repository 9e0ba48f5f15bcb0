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
    /// Whether, with more ranks than units, each unit is held by several neighbouring ranks (a KV head, which the query
    /// heads of several ranks share); otherwise such a division is refused.
    /// </summary>
    public bool SharedUnits { get; init; }

    /// <summary>For a dimension that is several parts end to end (q | k | v), each divided on its own: the parts' extents and units, as "extent : unit".</summary>
    public string[]? Parts { get; init; }

    /// <summary>For <see cref="TensorSplit.Experts"/> and repeated tensors: how tensor parallelism without expert parallelism slices each expert.</summary>
    public TensorSplit ExpertSplit { get; init; }

    /// <summary>For a property of type Tensor[]: how many, as an expression.</summary>
    public string? Repeat { get; init; }
}
