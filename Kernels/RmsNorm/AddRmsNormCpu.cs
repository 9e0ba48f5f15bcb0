using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Residual add and RMSNorm on the CPU: an item is a row.</summary>
internal sealed unsafe class AddRmsNormCpu(CpuBackend backend) : AddRmsNorm
{
    private protected override void Launch(
        Tensor residual, Tensor delta, Tensor weight, float epsilon, Tensor output, Tensor faults, int place)
    {
        AddRmsNormArguments arguments = new()
        {
            Residual = (float*)residual.Address,
            Delta = (float*)delta.Address,
            Weight = (float*)weight.Address,
            Epsilon = epsilon,
            Width = weight.Shape[0],
            Output = (float*)output.Address,
            OutputStride = output.RowStride,
            Faults = (int*)faults.Address,
            Place = place,
        };
        backend.Run(CpuKernel.AddRmsNorm, &arguments, (int)residual.Shape[0], 3 * arguments.Width);
    }
}

/// <summary>What <see cref="AddRmsNormBody{V}"/> reads.</summary>
internal unsafe struct AddRmsNormArguments
{
    public float* Residual;
    public float* Delta;
    public float* Weight;
    public float Epsilon;
    public long Width;
    public float* Output;
    public long OutputStride;
    public int* Faults;
    public int Place;
}

/// <summary>The body of <see cref="AddRmsNormCpu"/>.</summary>
internal static unsafe class AddRmsNormBody<V> where V : struct, IVec<V>
{
    public static void Run(AddRmsNormArguments* a, int begin, int end)
    {
        for (long t = begin; t < end; t++)
        {
            float* x = a->Residual + (t * a->Width);
            if (a->Delta != null)
            {
                Add(x, a->Delta + (t * a->Width), a->Width);
            }

            double squares = RowNorm.SumOfSquares(x, a->Width);
            if (a->Faults != null)
            {
                int before = a->Delta == null ? 0 : a->Faults[t];
                a->Faults[t] = before == 0 && !double.IsFinite(squares) ? a->Place : before;
            }

            double scale = RowNorm.Scale(squares, a->Width, a->Epsilon);
            RowNorm.Apply(x, scale, a->Weight, a->Output + (t * a->OutputStride), a->Width);
        }
    }

    private static void Add(float* x, float* delta, long n)
    {
        long i = 0;
        for (; i + IVec<V>.Lanes <= n; i += IVec<V>.Lanes)
        {
            V.Store(x + i, V.Load(x + i) + V.Load(delta + i));
        }

        int rest = (int)(n - i);
        V.StorePartial(x + i, V.LoadPartial(x + i, rest) + V.LoadPartial(delta + i, rest), rest);
    }
}
