using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// A linear's weight [N, K] as a list of row ranges that need not lie together in memory. Several projections of the
/// same input become one op (q, k and v; the router and the shared expert's gate), and rows that a checkpoint
/// interleaves are put in order, all without copying a byte of the mapped file.
/// </summary>
public sealed class LinearWeight
{
    /// <summary>Rows of a block: 32 rows of 2,048 bf16 are 128 KiB, which a core's second-level cache holds.</summary>
    internal const int BlockRows = 32;

    private readonly Part[] _parts;
    private readonly Part[] _blocks;

    /// <summary>Joins matrices [N_i, K] end to end: output columns follow the order given.</summary>
    /// <exception cref="ArgumentException">No matrix, different K, or different or unsupported types.</exception>
    public LinearWeight(params ReadOnlySpan<Tensor> parts)
    {
        if (parts.IsEmpty)
        {
            throw new ArgumentException("a linear needs at least one matrix", nameof(parts));
        }

        Type = parts[0].Type;
        LaunchCheck.IsWeight("linear", "weight", Type);
        Inputs = parts[0].Shape[1];
        var list = new List<Part>(parts.Length);
        foreach (Tensor part in parts)
        {
            if (part.Shape.Rank != 2 || part.Shape[1] != Inputs || part.Type != Type || !part.IsContiguous)
            {
                throw new ArgumentException($"cannot join {part} to a linear of {Type.Name()} [N, {Inputs}]", nameof(parts));
            }

            // Ranges that touch in memory become one, so that a view of consecutive heads costs nothing.
            if (list.Count > 0 && list[^1].Address + (nint)(list[^1].Rows * Inputs * Type.Size()) == part.Address)
            {
                list[^1] = list[^1] with { Rows = checked(list[^1].Rows + (int)part.Shape[0]) };
            }
            else if (part.Shape[0] > 0)
            {
                list.Add(new Part(part.Address, checked((int)part.Shape[0]), checked((int)Outputs)));
            }

            Outputs += part.Shape[0];
        }

        _parts = [.. list];
        _blocks = Cut(list);
    }

    /// <summary>The element type of every range: bf16 or f32.</summary>
    public DType Type { get; }

    /// <summary>N, output features.</summary>
    public long Outputs { get; }

    /// <summary>K, input features.</summary>
    public long Inputs { get; }

    /// <summary>Bytes that one pass over the weight reads.</summary>
    public long Bytes => Outputs * Inputs * Type.Size();

    /// <summary>The row ranges, by output column.</summary>
    public ReadOnlySpan<Part> Parts => _parts;

    /// <summary>The ranges cut into blocks of at most 32 rows, the items of a CPU launch; pinned, so the address holds.</summary>
    internal unsafe Part* Blocks => (Part*)Marshal.UnsafeAddrOfPinnedArrayElement(_blocks, 0);

    /// <summary>How many <see cref="Blocks"/>.</summary>
    internal int BlockCount => _blocks.Length;

    /// <summary>Some of the outputs, by the same memory.</summary>
    /// <param name="first">The first of them.</param>
    /// <param name="count">How many, at least one.</param>
    public LinearWeight Some(long first, long count)
    {
        var parts = new List<Tensor>(_parts.Length);
        foreach (Part part in _parts)
        {
            long begin = long.Max(part.Column, first), end = long.Min(part.Column + part.Rows, first + count);
            if (begin < end)
            {
                parts.Add(Rows(begin, end - begin));
            }
        }

        return new LinearWeight([.. parts]);
    }

    /// <summary>Rows of the weight that lie together.</summary>
    /// <exception cref="LaunchException">They lie in more than one piece.</exception>
    internal Tensor Rows(long first, long count)
    {
        foreach (Part part in _parts)
        {
            if (part.Column <= first && first + count <= part.Column + part.Rows)
            {
                return new Tensor(Type, new Shape(count, Inputs), part.Address + (nint)((first - part.Column) * Inputs * Type.Size()));
            }
        }

        throw new LaunchException($"linear: rows {first}…{first + count} of the weight [{Outputs}, {Inputs}] lie in several pieces, expected one");
    }

    private Part[] Cut(List<Part> parts)
    {
        var blocks = new List<Part>();
        foreach (Part part in parts)
        {
            for (int row = 0; row < part.Rows; row += BlockRows)
            {
                blocks.Add(new Part(
                    part.Address + (nint)(row * Inputs * Type.Size()), int.Min(BlockRows, part.Rows - row), part.Column + row));
            }
        }

        Part[] pinned = GC.AllocateArray<Part>(blocks.Count, pinned: true);
        blocks.CopyTo(pinned);
        return pinned;
    }

    /// <summary>A range of rows that lie together.</summary>
    /// <param name="Address">The first row's first element.</param>
    /// <param name="Rows">How many rows.</param>
    /// <param name="Column">The output column of the first row.</param>
    [StructLayout(LayoutKind.Sequential)]
    public readonly record struct Part(nint Address, int Rows, int Column);
}
