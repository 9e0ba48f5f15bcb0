using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>grouped_experts, prompt rows: the products of up to 64 rows that share an expert (<see cref="PromptTile"/>).</summary>
public static class ExpertsPrompt
{
    private const int Own = PromptTile.Own;
    private const int Side = PromptTile.Side;
    private const int Half = PromptTile.Size / 2;
    private const int TileColumns = 3;

    /// <summary>inner[place, i] = silu(x·gate_i) · (x·up_i) of the place's row and expert.</summary>
    [Kernel("experts_gate_up_prompt", PromptTile.Threads, groups: "I/32", groupsY: "Tiles", Unroll = true)]
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
        int tile = Grid.IdxY * TileColumns, expert = tiles[tile], place = tiles[tile + 1], count = tiles[tile + 2];
        int last = Math.Max(count, 1) - 1, depth = count > 0 ? inputs : 0;
        int line = Group.IdxX / Side, column = Group.IdxX % Side, first = Grid.IdxX * Half;

        // Rows and outputs past the end repeat the last one and are not stored; a tile without rows adds nothing up.
        var xRows = new long[Own];
        var weightRows = new long[Own];
        var sums = new float[Own * Own];
        PromptTile.Clear(sums);
        for (int i = 0; i < Own; i++)
        {
            xRows[i] = (long)rows[place + Math.Min(line + (i * Side), last)] * inputs;
            weightRows[i] = ((long)expert * (i < Own / 2 ? gateStride : upStride)) + ((long)Math.Min(first + line + (i % 2 * Side), width - 1) * inputs);
        }

        PromptTile.Multiply<TFormat, TElement>(x, xRows, gate, up, weightRows, depth, sums);
        for (int i = 0; i < Own; i++)
        {
            for (int j = 0; j < Own / 2; j++)
            {
                int t = (line * Own) + i, n = first + column + (j * Side);
                if (t < count && n < width)
                {
                    inner[((long)(place + t) * width) + n] = GateMath.Silu(sums[(i * Own) + j]) * sums[(i * Own) + j + (Own / 2)];
                }
            }
        }
    }

    /// <summary>parts[place, h] = inner·down_h of the place's expert.</summary>
    [Kernel("experts_down_prompt", PromptTile.Threads, groups: "H/64", groupsY: "Tiles", Unroll = true)]
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
        int tile = Grid.IdxY * TileColumns, expert = tiles[tile], place = tiles[tile + 1], count = tiles[tile + 2];
        int last = Math.Max(count, 1) - 1, depth = count > 0 ? inputs : 0;
        int line = Group.IdxX / Side, column = Group.IdxX % Side, first = Grid.IdxX * PromptTile.Size;
        var xRows = new long[Own];
        var weightRows = new long[Own];
        var sums = new float[Own * Own];
        PromptTile.Clear(sums);
        for (int i = 0; i < Own; i++)
        {
            xRows[i] = (long)(place + Math.Min(line + (i * Side), last)) * inputs;
            weightRows[i] = ((long)expert * downStride) + ((long)Math.Min(first + line + (i * Side), outputs - 1) * inputs);
        }

        PromptTile.Multiply<TFormat, TElement>(inner, xRows, down, down, weightRows, depth, sums);
        for (int i = 0; i < Own; i++)
        {
            for (int j = 0; j < Own; j++)
            {
                int t = (line * Own) + i, n = first + column + (j * Side);
                if (t < count && n < outputs)
                {
                    parts[((long)(place + t) * outputs) + n] = sums[(i * Own) + j];
                }
            }
        }
    }
}
