using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>A checkpoint's mapped tensors.</summary>
internal sealed class CheckpointSource(Checkpoint checkpoint) : ITensorSource
{
    public IEnumerable<string> Names => checkpoint.Names;

    public bool TryGet(string name, out Tensor tensor) => checkpoint.TryGet(name, out tensor);

    public string Describe(string name) => checkpoint.Describe(name);
}
