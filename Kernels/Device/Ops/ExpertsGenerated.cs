using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>grouped_experts, generated rows: the products of up to four rows that share an expert (<see cref="GeneratedDots"/>).</summary>
public static class ExpertsGenerated
{
    private const int TileColumns = 3;

    /// <summary>inner[place, i] = silu(x·gate_i) · (x·up_i) of the place's row and expert.</summary>
    [Kernel("experts_gate_up_generated", GeneratedDots.Threads, groups: "Tiles", groupsY: "I/8")]
    [Instance("bf16", typeof(BF16Weight), typeof(ushort))]
    [Instance("f32", typeof(F32Weight), typeof(float))]
    public static void GateUp<TFormat, TElement>(
        [Shape("T", "H")] ArrayView<float> x,
        [Shape("N", "I")] ArrayView<float> inner,
        [Shape("N")] ArrayView<int> rows,
        [Shape("Tiles", "3")] ArrayView<int> tiles,
        [Shape("E", "I*H")] ArrayView<TElement> gate,
        [Shape("E", "I*H")] ArrayView<TElement> up,
        [Extent("H")] int inputs,
        [Extent("I")] int width,
        [RowStride("gate")] int gateStride,
        [RowStride("up")] int upStride)
        where TFormat : struct, IWeightFormat<TElement>
        where TElement : unmanaged
    {
        int tile = Grid.IdxX * TileColumns, expert = tiles[tile], first = tiles[tile + 1], count = tiles[tile + 2];

        // A tile without rows adds nothing up and stores nothing.
        int last = Math.Max(count, 1) - 1, depth = count > 0 ? inputs : 0;
        int lane = Group.IdxX % GeneratedDots.Lanes, n = (Grid.IdxY * GeneratedDots.Outputs) + (Group.IdxX / GeneratedDots.Lanes);
        long w = (long)Math.Min(n, width - 1) * inputs, x0 = (long)rows[first] * inputs;
        long x1 = (long)rows[first + Math.Min(1, last)] * inputs;
        long x2 = (long)rows[first + Math.Min(2, last)] * inputs, x3 = (long)rows[first + Math.Min(3, last)] * inputs;
        float value = GeneratedDots.GateUp<TFormat, TElement>(
            x, x0, x1, x2, x3, gate, ((long)expert * gateStride) + w, up, ((long)expert * upStride) + w, depth);
        if (lane < count && n < width)
        {
            inner[((long)(first + lane) * width) + n] = value;
        }
    }

    /// <summary>parts[place, h] = inner·down_h of the place's expert.</summary>
    [Kernel("experts_down_generated", GeneratedDots.Threads, groups: "Tiles", groupsY: "H/8")]
    [Instance("bf16", typeof(BF16Weight), typeof(ushort))]
    [Instance("f32", typeof(F32Weight), typeof(float))]
    public static void Down<TFormat, TElement>(
        [Shape("N", "I")] ArrayView<float> inner,
        [Shape("N", "H")] ArrayView<float> parts,
        [Shape("Tiles", "3")] ArrayView<int> tiles,
        [Shape("E", "H*I")] ArrayView<TElement> down,
        [Extent("I")] int inputs,
        [Extent("H")] int outputs,
        [RowStride("down")] int downStride)
        where TFormat : struct, IWeightFormat<TElement>
        where TElement : unmanaged
    {
        int tile = Grid.IdxX * TileColumns, expert = tiles[tile], first = tiles[tile + 1], count = tiles[tile + 2];

        // A tile without rows adds nothing up and stores nothing.
        int last = Math.Max(count, 1) - 1, depth = count > 0 ? inputs : 0;
        int lane = Group.IdxX % GeneratedDots.Lanes, n = (Grid.IdxY * GeneratedDots.Outputs) + (Group.IdxX / GeneratedDots.Lanes);
        long w = ((long)expert * downStride) + ((long)Math.Min(n, outputs - 1) * inputs), x0 = (long)first * inputs;
        long x1 = (long)(first + Math.Min(1, last)) * inputs;
        long x2 = (long)(first + Math.Min(2, last)) * inputs, x3 = (long)(first + Math.Min(3, last)) * inputs;
        float value = GeneratedDots.Multiply<TFormat, TElement>(inner, x0, x1, x2, x3, down, w, depth);
        if (lane < count && n < outputs)
        {
            parts[((long)(first + lane) * outputs) + n] = value;
        }
    }
}
