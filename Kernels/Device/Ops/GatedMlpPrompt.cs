using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>gated_mlp, prompt rows, in tiles (<see cref="PromptTile"/>).</summary>
public static class GatedMlpPrompt
{
    private const int Own = PromptTile.Own;
    private const int Side = PromptTile.Side;
    private const int Half = PromptTile.Size / 2;

    /// <summary>inner[t, i] = silu(x·gate_i) · (x·up_i); a tile has 32 of the gates' rows and the same 32 of the ups'.</summary>
    [Kernel("mlp_gate_up_prompt", PromptTile.Threads, groups: "I/32", groupsY: "T/64", Unroll = true)]
    [Instance("bf16", typeof(BF16Weight), typeof(ushort))]
    [Instance("f32", typeof(F32Weight), typeof(float))]
    public static void GateUp<TFormat, TElement>(
        [Shape("T", "H")] ArrayView<float> x,
        [Shape("I", "H")] ArrayView<TElement> gate,
        [Shape("I", "H")] ArrayView<TElement> up,
        [Shape("T", "I")] ArrayView<float> inner,
        [Extent("T")] int rows,
        [Extent("H")] int inputs,
        [Extent("I")] int width)
        where TFormat : struct, IWeightFormat<TElement>
        where TElement : unmanaged
    {
        int line = Group.IdxX / Side, column = Group.IdxX % Side, firstRow = Grid.IdxY * PromptTile.Size, first = Grid.IdxX * Half;

        // Rows and outputs past the end repeat the last one and are not stored.
        var xRows = new long[Own];
        var weightRows = new long[Own];
        var sums = new float[Own * Own];
        PromptTile.Clear(sums);
        for (int i = 0; i < Own; i++)
        {
            xRows[i] = (long)Math.Min(firstRow + line + (i * Side), rows - 1) * inputs;
            weightRows[i] = (long)Math.Min(first + line + (i % 2 * Side), width - 1) * inputs;
        }

        PromptTile.Multiply<TFormat, TElement>(x, xRows, gate, up, weightRows, inputs, sums);
        for (int i = 0; i < Own; i++)
        {
            for (int j = 0; j < Own / 2; j++)
            {
                int t = firstRow + (line * Own) + i, n = first + column + (j * Side);
                if (t < rows && n < width)
                {
                    inner[((long)t * width) + n] = GateMath.Silu(sums[(i * Own) + j]) * sums[(i * Own) + j + (Own / 2)];
                }
            }
        }
    }

    /// <summary>output[t, n] = add[t, n] + sigmoid(gate[t]) · (inner·weight_n); no gate counts as 1, nothing to add as 0.</summary>
    [Kernel("mlp_down_prompt", PromptTile.Threads, groups: "N/64", groupsY: "T/64", Unroll = true)]
    [Instance("bf16", typeof(BF16Weight), typeof(ushort))]
    [Instance("f32", typeof(F32Weight), typeof(float))]
    public static void Down<TFormat, TElement>(
        [Shape("T", "I")] ArrayView<float> inner,
        [Shape("N", "I")] ArrayView<TElement> weight,
        [Shape("T", "1", Optional = true)] ArrayView<float> gate,
        [Shape("T", "N", Optional = true)] ArrayView<float> add,
        [Shape("T", "N")] ArrayView<float> output,
        [Extent("T")] int rows,
        [Extent("I")] int inputs,
        [Extent("N")] int outputs,
        [RowStride("gate")] int gateStride,
        [RowStride("add")] int addStride,
        [RowStride("output")] int outputStride)
        where TFormat : struct, IWeightFormat<TElement>
        where TElement : unmanaged
    {
        int line = Group.IdxX / Side, column = Group.IdxX % Side, firstRow = Grid.IdxY * PromptTile.Size, first = Grid.IdxX * PromptTile.Size;
        var xRows = new long[Own];
        var weightRows = new long[Own];
        var sums = new float[Own * Own];
        PromptTile.Clear(sums);
        for (int i = 0; i < Own; i++)
        {
            xRows[i] = (long)Math.Min(firstRow + line + (i * Side), rows - 1) * inputs;
            weightRows[i] = (long)Math.Min(first + line + (i * Side), outputs - 1) * inputs;
        }

        PromptTile.Multiply<TFormat, TElement>(inner, xRows, weight, weight, weightRows, inputs, sums);
        for (int i = 0; i < Own; i++)
        {
            int t = firstRow + (line * Own) + i;
            float scale = gate.Length > 0 ? GateMath.Sigmoid(gate[(long)Math.Min(t, rows - 1) * gateStride]) : 1;
            for (int j = 0; j < Own; j++)
            {
                int n = first + column + (j * Side);
                if (t < rows && n < outputs)
                {
                    float sum = add.Length > 0 ? add[((long)t * addStride) + n] : 0;
                    output[((long)t * outputStride) + n] = Scalar.Fma(scale, sums[(i * Own) + j], sum);
                }
            }
        }
    }
}
