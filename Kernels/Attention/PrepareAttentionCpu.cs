using System.Runtime.CompilerServices;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Head norms, RoPE and cache write on the CPU: an item is a row.</summary>
internal sealed unsafe class PrepareAttentionCpu(CpuBackend backend) : PrepareAttention
{
    private protected override void Launch(
        AttentionShape shape, Tensor projected, Tensor queryNorm, Tensor keyNorm, float epsilon, Tensor rotary,
        Tensor slots, Tensor keys, Tensor values, Tensor queries)
    {
        PrepareAttentionArguments arguments = new()
        {
            Shape = shape,
            Projected = (float*)projected.Address,
            QueryNorm = (float*)queryNorm.Address,
            KeyNorm = (float*)keyNorm.Address,
            Epsilon = epsilon,
            Rotary = (float*)rotary.Address,
            RotaryDim = (int)rotary.Shape[1],
            Slots = (int*)slots.Address,
            Keys = (float*)keys.Address,
            Values = (float*)values.Address,
            Queries = (float*)queries.Address,
        };
        backend.Run(CpuKernel.PrepareAttention, &arguments, (int)projected.Shape[0], 4L * shape.ProjectedWidth);
    }
}

/// <summary>What <see cref="PrepareAttentionBody{V}"/> reads.</summary>
internal unsafe struct PrepareAttentionArguments
{
    public AttentionShape Shape;
    public float* Projected;
    public float* QueryNorm;
    public float* KeyNorm;
    public float Epsilon;
    public float* Rotary;
    public int RotaryDim;
    public int* Slots;
    public float* Keys;
    public float* Values;
    public float* Queries;
}

/// <summary>The body of <see cref="PrepareAttentionCpu"/>.</summary>
internal static unsafe class PrepareAttentionBody<V> where V : struct, IVec<V>
{
    [SkipLocalsInit]
    public static void Run(PrepareAttentionArguments* a, int begin, int end)
    {
        AttentionShape shape = a->Shape;
        int dim = shape.HeadDim;
        float* key = stackalloc float[dim];
        for (long t = begin; t < end; t++)
        {
            float* row = a->Projected + (t * shape.ProjectedWidth);
            float* rotary = a->Rotary + (t * a->RotaryDim);
            for (int h = 0; h < shape.Heads; h++)
            {
                Rotate(a, row + (2L * h * dim), a->QueryNorm, rotary, a->Queries + (((t * shape.Heads) + h) * dim));
            }

            int block = a->Slots[t] / Grid.Cell, offset = a->Slots[t] % Grid.Cell;
            for (int h = 0; h < shape.KvHeads; h++)
            {
                long head = ((long)block * shape.KvHeads) + h;
                Rotate(a, row + shape.KeyColumn + (h * dim), a->KeyNorm, rotary, key);
                float* keys = a->Keys + (head * dim * Grid.Cell) + offset;
                for (int i = 0; i < dim; i++)
                {
                    keys[i * Grid.Cell] = key[i];
                }

                float* value = a->Values + (((head * Grid.Cell) + offset) * dim);
                Buffer.MemoryCopy(row + shape.ValueColumn + (h * dim), value, dim * sizeof(float), dim * sizeof(float));
            }
        }
    }

    private static void Rotate(PrepareAttentionArguments* a, float* x, float* weight, float* rotary, float* y)
    {
        int dim = a->Shape.HeadDim, half = a->RotaryDim / 2;
        RowNorm.Apply(x, RowNorm.Scale(x, dim, a->Epsilon), weight, y, dim);
        for (int i = 0; i < half; i += IVec<V>.Lanes)
        {
            int count = int.Min(IVec<V>.Lanes, half - i);
            V first = V.LoadPartial(y + i, count), second = V.LoadPartial(y + half + i, count);
            V cos = V.LoadPartial(rotary + i, count), sin = V.LoadPartial(rotary + half + i, count);
            V.StorePartial(y + i, (first * cos) - (second * sin), count);
            V.StorePartial(y + half + i, (second * cos) + (first * sin), count);
        }
    }
}
