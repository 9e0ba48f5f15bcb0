using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Everything a call has written, by name.</summary>
public sealed class Outputs
{
    private readonly List<Output> _items = [];

    /// <summary>The tensors in the order they were added.</summary>
    public IReadOnlyList<Output> Items => _items;

    /// <summary>The tensor of that name.</summary>
    public Output this[string name] => _items.Single(item => item.Name == name);

    /// <summary>Copies a tensor of f32, bf16 or i32.</summary>
    public unsafe Outputs Add(string name, Tensor tensor, bool exact = false)
    {
        int width = checked((int)tensor.Shape.RowCount);
        var bits = new int[tensor.Shape.Count];
        for (int i = 0; i < bits.Length; i++)
        {
            long place = (i / width * tensor.RowStride) + (i % width);
            bits[i] = tensor.Type != DType.BF16 ? ((int*)tensor.Address)[place]
                : ((ushort*)tensor.Address)[place] is var half && half == ushort.MaxValue ? Arena.Poison
                : half << 16;
        }

        _items.Add(new Output(name, bits, width, tensor.Type != DType.I32, exact || tensor.Type == DType.I32, tensor.Type == DType.BF16 ? 1.0 / 128 : 0));
        return this;
    }

    /// <summary>The tensors of several sequences, each under its sequence's number.</summary>
    public static Outputs Parts(IReadOnlyList<Outputs> parts)
    {
        var all = new Outputs();
        for (int i = 0; i < parts.Count; i++)
        {
            all._items.AddRange(parts[i]._items.Select(item => item with { Name = $"sequence {i}, {item.Name}" }));
        }

        return all;
    }

    /// <summary>Consecutive calls of one sequence as if they were one: the output's rows end to end, and the state that the last call left.</summary>
    public static Outputs Consecutive(IReadOnlyList<Outputs> calls)
    {
        var joined = new Outputs();
        foreach (Output last in calls[^1]._items)
        {
            joined._items.Add(last.Name == "output" ? last with { Bits = [.. calls.SelectMany(call => call["output"].Bits)] } : last);
        }

        return joined;
    }

    /// <summary>The first tensor that holds a computed NaN, or null; unwritten memory does not count.</summary>
    public string? NaN() => _items.Where(item => item.IsFloat)
        .FirstOrDefault(item => item.Bits.Any(b => b != Arena.Poison && float.IsNaN(BitConverter.Int32BitsToSingle(b))))?.Name;
}
