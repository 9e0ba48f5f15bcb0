using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>Named tensors that lie somewhere: a checkpoint's mapped files, or a test's memory.</summary>
internal interface ITensorSource
{
    /// <summary>Every tensor's name.</summary>
    IEnumerable<string> Names { get; }

    /// <summary>The tensor of this name.</summary>
    bool TryGet(string name, out Tensor tensor);

    /// <summary>The tensor as messages print it: its type, shape and place.</summary>
    string Describe(string name);
}
