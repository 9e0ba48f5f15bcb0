using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>gated_mlp, generated rows (<see cref="GeneratedDots"/>).</summary>
public static class GatedMlpGenerated
{
    /// <summary>inner[t, i] = silu(x·gate_i) · (x·up_i).</summary>
    [Kernel("mlp_gate_up_generated", GeneratedDots.Threads, groups: "I/8", groupsY: "T/4")]
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
        int lane = Group.IdxX % GeneratedDots.Lanes, first = Grid.IdxY * GeneratedDots.Rows;
        int n = (Grid.IdxX * GeneratedDots.Outputs) + (Group.IdxX / GeneratedDots.Lanes);

        // Rows and outputs past the end repeat the last one and are not stored.
        long w = (long)Math.Min(n, width - 1) * inputs, x0 = (long)first * inputs, x1 = (long)Math.Min(first + 1, rows - 1) * inputs;
        long x2 = (long)Math.Min(first + 2, rows - 1) * inputs, x3 = (long)Math.Min(first + 3, rows - 1) * inputs;
        float value = GeneratedDots.GateUp<TFormat, TElement>(x, x0, x1, x2, x3, gate, w, up, w, inputs);
        if (lane < GeneratedDots.Rows && first + lane < rows && n < width)
        {
            inner[((long)(first + lane) * width) + n] = value;
        }
    }

    /// <summary>output[t, n] = add[t, n] + sigmoid(gate[t]) · (inner·weight_n); no gate counts as 1, nothing to add as 0.</summary>
    [Kernel("mlp_down_generated", GeneratedDots.Threads, groups: "N/8", groupsY: "T/4")]
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
        int lane = Group.IdxX % GeneratedDots.Lanes, first = Grid.IdxY * GeneratedDots.Rows;
        int n = (Grid.IdxX * GeneratedDots.Outputs) + (Group.IdxX / GeneratedDots.Lanes);
        long w = (long)Math.Min(n, outputs - 1) * inputs, x0 = (long)first * inputs, x1 = (long)Math.Min(first + 1, rows - 1) * inputs;
        long x2 = (long)Math.Min(first + 2, rows - 1) * inputs, x3 = (long)Math.Min(first + 3, rows - 1) * inputs;
        float product = GeneratedDots.Multiply<TFormat, TElement>(inner, x0, x1, x2, x3, weight, w, inputs);
        if (lane < GeneratedDots.Rows && first + lane < rows && n < outputs)
        {
            long t = first + lane;
            float scale = gate.Length > 0 ? GateMath.Sigmoid(gate[t * gateStride]) : 1, sum = add.Length > 0 ? add[(t * addStride) + n] : 0;
            output[(t * outputStride) + n] = Scalar.Fma(scale, product, sum);
        }
    }
}
