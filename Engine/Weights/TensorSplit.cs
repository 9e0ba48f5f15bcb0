namespace Lean.Engine.Weights;

/// <summary>How tensor parallelism divides a weight between ranks.</summary>
internal enum TensorSplit
{
    /// <summary>Every rank holds all of it.</summary>
    Replicated,

    /// <summary>The outermost dimension (output features, heads, vocabulary rows) is divided: a column-parallel linear.</summary>
    Rows,

    /// <summary>The innermost dimension (input features) is divided: a row-parallel linear, whose output is a partial sum.</summary>
    Columns,

    /// <summary>The outermost dimension counts experts: placed by expert parallelism, or sliced inside each expert by <see cref="WeightAttribute.ExpertSplit"/>.</summary>
    Experts,
}
