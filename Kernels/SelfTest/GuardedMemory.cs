using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Tensors between redzones of NaN, in memory that the host and the set's device both reach; what nobody has written is
/// NaN too. <see cref="Fault"/> names what was written outside the tensors.
/// </summary>
internal sealed unsafe class GuardedMemory(KernelSet kernels) : IDisposable
{
    private const int Redzone = 256;

    private readonly List<(string Name, IDeviceBuffer Buffer, int Start, int Bytes)> _blocks = [];

    /// <summary>Whether tensors begin at multiples of 256, as a model's do: some kernels run only then.</summary>
    public bool IsAligned { get; init; }

    /// <summary>A tensor of NaN.</summary>
    /// <param name="name">What messages call it.</param>
    /// <param name="type">Its element type.</param>
    /// <param name="shape">Its extents.</param>
    public Tensor New(string name, DType type, Shape shape)
    {
        // Else each begins one element further than the last: no kernel may rely on more without asking.
        int start = Redzone + (IsAligned ? 0 : (_blocks.Count + 1) * type.Size() % 64), bytes = checked((int)(shape.Count * type.Size()));
        long all = start + bytes + Redzone;
        IDeviceBuffer buffer = kernels.Stream?.AllocateShared(all) ?? new HostBuffer(all);
        _blocks.Add((name, buffer, start, bytes));
        All(buffer).Fill(0xff);
        return buffer.View(type, shape, start);
    }

    /// <summary>A tensor with contents: bf16 is rounded.</summary>
    public Tensor New(string name, DType type, Shape shape, ReadOnlySpan<float> values)
    {
        Tensor tensor = New(name, type, shape);
        for (int i = 0; i < values.Length; i++)
        {
            if (type == DType.BF16)
            {
                ((ushort*)tensor.Address)[i] = DTypes.F32ToBF16(values[i]);
            }
            else
            {
                ((float*)tensor.Address)[i] = values[i];
            }
        }

        return tensor;
    }

    /// <summary>A tensor of i32 with contents.</summary>
    public Tensor New(string name, Shape shape, ReadOnlySpan<int> values)
    {
        Tensor tensor = New(name, DType.I32, shape);
        values.CopyTo(tensor.AsSpan<int>());
        return tensor;
    }

    /// <summary>The first redzone that was written to, or null.</summary>
    public string? Fault()
    {
        foreach ((string name, IDeviceBuffer buffer, int start, int bytes) in _blocks)
        {
            Span<byte> all = All(buffer);
            int before = all[..start].IndexOfAnyExcept((byte)0xff), after = all[(start + bytes)..].IndexOfAnyExcept((byte)0xff);
            if (before >= 0 || after >= 0)
            {
                return $"memory outside '{name}' ({bytes} bytes) was written at byte {(before >= 0 ? before - start : bytes + after)}";
            }
        }

        return null;
    }

    public void Dispose()
    {
        foreach ((_, IDeviceBuffer buffer, _, _) in _blocks)
        {
            buffer.Dispose();
        }
    }

    private static Span<byte> All(IDeviceBuffer buffer) => new((void*)buffer.Address, checked((int)buffer.Bytes));
}
