using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>
/// Brings bound weights into the form ops take: matrices as they lie in the file, small vectors widened to f32. Owns
/// what had to be copied.
/// </summary>
internal sealed unsafe class Parameters : IDisposable
{
    private readonly List<HostBuffer> _copies = [];

    /// <summary>A vector or small tensor in f32, under the given shape where one is given.</summary>
    public Tensor Small(Tensor tensor, Shape? shape = null)
    {
        Tensor widened = tensor.Type == DType.F32 ? tensor : Widen(tensor);
        return shape is { } other ? widened.Reshape(other) : widened;
    }

    /// <summary>A computed vector, in memory the ops can read.</summary>
    public Tensor Vector(ReadOnlySpan<float> values)
    {
        HostBuffer copy = HostBuffer.For(DType.F32, new Shape(values.Length));
        _copies.Add(copy);
        Tensor view = copy.View(DType.F32, new Shape(values.Length));
        values.CopyTo(view.AsSpan<float>());
        return view;
    }

    /// <summary>A matrix in a type that ops read in place: bf16 or f32. Half precision is widened once, here.</summary>
    public Tensor Matrix(Tensor tensor) => tensor.Type == DType.F16 ? Widen(tensor) : tensor;

    /// <summary>Joins projections of the same input end to end.</summary>
    public LinearWeight Linear(params ReadOnlySpan<Tensor> parts)
    {
        var matrices = new Tensor[parts.Length];
        bool mixed = false;
        for (int i = 0; i < parts.Length; i++)
        {
            matrices[i] = Matrix(parts[i]);
            mixed |= matrices[i].Type != matrices[0].Type;
        }

        return new LinearWeight(mixed ? [.. matrices.Select(m => Small(m))] : matrices);
    }

    /// <summary>Frees the copies: no tensor made here may be used any more.</summary>
    public void Dispose()
    {
        _copies.ForEach(static c => c.Dispose());
        _copies.Clear();
    }

    private Tensor Widen(Tensor tensor)
    {
        HostBuffer copy = HostBuffer.For(DType.F32, tensor.Shape);
        _copies.Add(copy);
        float* target = (float*)copy.Address;
        ushort* half = (ushort*)tensor.Address;
        for (long i = 0; i < tensor.Shape.Count; i++)
        {
            target[i] = tensor.Type switch
            {
                DType.F32 => ((float*)tensor.Address)[i],
                DType.BF16 => DTypes.BF16ToF32(half[i]),
                DType.F16 => (float)BitConverter.UInt16BitsToHalf(half[i]),
                _ => throw new InvalidOperationException($"weights of {tensor.Type.Name()} cannot be widened"),
            };
        }

        return copy.View(DType.F32, tensor.Shape);
    }
}
