using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Linear on the CPU: an item is a block of rows of W against all rows of x.</summary>
internal sealed unsafe class LinearCpu(CpuBackend backend, DType activations) : Linear
{
    private protected override void Launch(Tensor x, LinearWeight weight, Tensor output, long promptRows) =>
        Launch(backend, RoundedActivations.Apply(activations, weight.Type) ? RoundRowsCpu.Run(backend, x) : x, weight, output, gateLogit: default, add: default);

    /// <summary>The product, optionally times sigmoid of a row's gate logit, optionally plus another matrix.</summary>
    public static void Launch(CpuBackend backend, Tensor x, LinearWeight weight, Tensor output, Tensor gateLogit, Tensor add)
    {
        LinearArguments arguments = new()
        {
            X = (float*)x.Address,
            XStride = x.RowStride,
            Rows = (int)x.Shape[0],
            BF16 = weight.Type == DType.BF16 ? 1 : 0,
            K = weight.Inputs,
            Blocks = weight.Blocks,
            Y = (float*)output.Address,
            YStride = output.RowStride,
            GateLogit = (float*)gateLogit.Address,
            GateStride = gateLogit.IsEmpty ? 0 : gateLogit.RowStride,
            Add = (float*)add.Address,
        };
        backend.Run(CpuKernel.Linear, &arguments, weight.BlockCount, LinearWeight.BlockRows * DotBlock.Work(weight.Inputs) * arguments.Rows);

        // The blocks are pinned, not rooted, by the address above.
        GC.KeepAlive(weight);
    }
}

/// <summary>What <see cref="LinearBody{V}"/> reads.</summary>
internal unsafe struct LinearArguments
{
    public float* X;
    public long XStride;
    public int Rows;
    public int BF16;
    public long K;
    public LinearWeight.Part* Blocks;
    public float* Y;
    public long YStride;
    public float* GateLogit;
    public long GateStride;
    public float* Add;
}

/// <summary>The body of <see cref="LinearCpu"/>.</summary>
internal static unsafe class LinearBody<V> where V : struct, IVec<V>
{
    public static void Run(LinearArguments* a, int begin, int end)
    {
        for (int item = begin; item < end; item++)
        {
            LinearWeight.Part block = a->Blocks[item];
            float* y = a->Y + block.Column;
            if (a->GateLogit == null && a->Add == null)
            {
                DotBlock<V>.Multiply(a->BF16 != 0, a->X, a->XStride, null, a->Rows, (byte*)block.Address, block.Rows, a->K, y, a->YStride);
            }
            else
            {
                MultiplyAndMix(a, block, y);
            }
        }
    }

    // The matrix to add may be the output itself, so the products wait in a buffer of their own.
    private static void MultiplyAndMix(LinearArguments* a, LinearWeight.Part block, float* y)
    {
        const int chunk = 24;
        float* products = stackalloc float[chunk * LinearWeight.BlockRows];
        for (int first = 0; first < a->Rows; first += chunk)
        {
            int count = int.Min(chunk, a->Rows - first);
            DotBlock<V>.Multiply(
                a->BF16 != 0, a->X + (first * a->XStride), a->XStride, null, count, (byte*)block.Address, block.Rows, a->K,
                products, LinearWeight.BlockRows);
            for (int r = 0; r < count; r++)
            {
                long row = first + r;
                V factor = a->GateLogit == null ? V.Broadcast(1f) : VecMath<V>.Sigmoid(V.Broadcast(a->GateLogit[row * a->GateStride]));
                float* source = products + (r * LinearWeight.BlockRows);
                float* add = a->Add == null ? null : a->Add + (row * a->YStride) + block.Column;
                float* target = y + (row * a->YStride);
                for (int n = 0; n < block.Rows; n += IVec<V>.Lanes)
                {
                    int some = int.Min(IVec<V>.Lanes, block.Rows - n);
                    V product = V.LoadPartial(source + n, some);
                    V.StorePartial(target + n, add == null ? factor * product : V.Fma(factor, product, V.LoadPartial(add + n, some)), some);
                }
            }
        }
    }
}
