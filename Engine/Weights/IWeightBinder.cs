using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>
/// Answers the generated bindings: with mapped tensors of a checkpoint, with random ones, or with counts only.
/// A binder collects what is wrong and reports all of it at once when the model is complete.
/// </summary>
internal interface IWeightBinder
{
    /// <summary>Whether a tensor of this full name is there (layouts are told apart by it).</summary>
    bool Contains(string name);

    /// <summary>The tensor asked for, or an empty view where it is missing or mis-shaped (which the binder remembers).</summary>
    Tensor Take(WeightSpec spec);
}
