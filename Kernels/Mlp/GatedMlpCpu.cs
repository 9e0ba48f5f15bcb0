using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Dense MLP on the CPU: two linears with silu(gate)·up between them.</summary>
internal sealed unsafe class GatedMlpCpu(CpuBackend backend, DType activations) : GatedMlp
{
    private protected override void Launch(
        Tensor x, LinearWeight gateUp, LinearWeight down, Tensor gateLogit, Tensor add, Tensor scratch, Tensor output, long promptRows)
    {
        Tensor inputs = RoundedActivations.Apply(activations, gateUp.Type) ? RoundRowsCpu.Run(backend, x) : x;
        LinearCpu.Launch(backend, inputs, gateUp, scratch, gateLogit: default, add: default);
        SiluMultiplyArguments arguments = new()
        {
            GateUp = (float*)scratch.Address,
            Width = down.Inputs,
            Stride = scratch.RowStride,
            Rounds = RoundedActivations.Apply(activations, down.Type) ? 1 : 0,
        };
        backend.Run(CpuKernel.SiluMultiply, &arguments, (int)x.Shape[0], 12 * down.Inputs);
        LinearCpu.Launch(backend, scratch.Columns(0, down.Inputs), down, output, gateLogit, add);
    }
}

/// <summary>What <see cref="SiluMultiplyBody{V}"/> reads.</summary>
internal unsafe struct SiluMultiplyArguments
{
    public float* GateUp;
    public long Width;
    public long Stride;

    // Whether what the next product takes is rounded.
    public int Rounds;
}

/// <summary>gate ← silu(gate) ⊙ up in rows [gate | up]: an item is a row.</summary>
internal static unsafe class SiluMultiplyBody<V> where V : struct, IVec<V>
{
    public static void Run(SiluMultiplyArguments* a, int begin, int end)
    {
        for (long t = begin; t < end; t++)
        {
            float* gate = a->GateUp + (t * a->Stride);
            Apply(gate, gate + a->Width, a->Width, a->Rounds != 0);
        }
    }

    /// <summary>gate[i] ← silu(gate[i]) · up[i], rounded to bf16 where the next product takes that.</summary>
    public static void Apply(float* gate, float* up, long count, bool rounds)
    {
        long i = 0;
        for (; i + IVec<V>.Lanes <= count; i += IVec<V>.Lanes)
        {
            V.Store(gate + i, VecMath<V>.Silu(V.Load(gate + i)) * V.Load(up + i));
        }

        int rest = (int)(count - i);
        V.StorePartial(gate + i, VecMath<V>.Silu(V.LoadPartial(gate + i, rest)) * V.LoadPartial(up + i, rest), rest);
        if (rounds)
        {
            RoundedActivations.Round(gate, gate, count);
        }
    }
}
