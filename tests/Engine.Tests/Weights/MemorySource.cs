using Lean.Engine.Weights;
using Lean.Tensors;

namespace Lean.Engine.Tests.Weights;

/// <summary>Tensors by name, without elements: nothing in these tests reads them.</summary>
internal sealed class MemorySource : ITensorSource
{
    private const nint SomeAddress = 64;

    private readonly Dictionary<string, Tensor> _tensors = [];

    public IEnumerable<string> Names => _tensors.Keys;

    public bool TryGet(string name, out Tensor tensor) => _tensors.TryGetValue(name, out tensor);

    public string Describe(string name) => _tensors[name].ToString();

    public void Add(string name, DType type, Shape shape) => _tensors[name] = new Tensor(type, shape, SomeAddress);

    public void Remove(string name) => Assert.True(_tensors.Remove(name), name);

    public void Rename(string name, string other)
    {
        Assert.True(_tensors.Remove(name, out Tensor tensor), name);
        _tensors.Add(other, tensor);
    }
}
