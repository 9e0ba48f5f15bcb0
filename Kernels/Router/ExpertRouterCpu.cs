using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Routing on the CPU: an item is a row.</summary>
internal sealed unsafe class ExpertRouterCpu(CpuBackend backend) : ExpertRouter
{
    private protected override void Launch(Tensor logits, bool renormalise, Tensor experts, Tensor weights)
    {
        ExpertRouterArguments arguments = new()
        {
            Logits = (float*)logits.Address,
            LogitStride = logits.RowStride,
            Count = (int)logits.Shape[1],
            TopK = (int)experts.Shape[1],
            Renormalise = renormalise ? 1 : 0,
            Experts = (int*)experts.Address,
            Weights = (float*)weights.Address,
        };
        backend.Run(CpuKernel.ExpertRouter, &arguments, (int)logits.Shape[0], 16L * arguments.Count);
    }
}

/// <summary>What <see cref="ExpertRouterBody{V}"/> reads.</summary>
internal unsafe struct ExpertRouterArguments
{
    public float* Logits;
    public long LogitStride;
    public int Count;
    public int TopK;
    public int Renormalise;
    public int* Experts;
    public float* Weights;
}

/// <summary>The body of <see cref="ExpertRouterCpu"/>.</summary>
internal static unsafe class ExpertRouterBody<V> where V : struct, IVec<V>
{
    private const int Lanes = IVec<V>.Lanes;

    public static void Run(ExpertRouterArguments* a, int begin, int end)
    {
        for (long t = begin; t < end; t++)
        {
            Row(a, a->Logits + (t * a->LogitStride), a->Experts + (t * a->TopK), a->Weights + (t * a->TopK));
        }
    }

    private static void Row(ExpertRouterArguments* a, float* logits, int* experts, float* weights)
    {
        Largest(logits, a->Count, a->TopK, experts, weights);

        // Rank 0 holds the largest logit. A NaN anywhere makes the sum NaN.
        V maximum = V.Broadcast(weights[0]), sum = V.Zero;
        for (int i = 0; i < a->Count; i += Lanes)
        {
            int count = int.Min(Lanes, a->Count - i);
            sum += V.KeepFirst(VecMath<V>.Exp(V.LoadPartial(logits + i, count) - maximum), count, 0f);
        }

        float total = V.Sum(sum), chosen = 0f, top = weights[0];
        if (float.IsNaN(total))
        {
            Refuse(a->TopK, experts, weights);
            return;
        }

        for (int r = 0; r < a->TopK; r++)
        {
            weights[r] = VecMath<V>.Exp(weights[r] - top) / total;
            chosen += weights[r];
        }

        if (a->Renormalise != 0)
        {
            for (int r = 0; r < a->TopK; r++)
            {
                weights[r] /= chosen;
            }
        }
    }

    // No choice is right, but the experts' op needs some: the first ones, with weights that tell.
    private static void Refuse(int topK, int* experts, float* weights)
    {
        for (int r = 0; r < topK; r++)
        {
            (experts[r], weights[r]) = (r, float.NaN);
        }
    }

    // One pass with a sorted list of the best so far; strictly greater moves ahead, so ties stay with the lower index.
    private static void Largest(float* logits, int count, int topK, int* experts, float* best)
    {
        for (int e = 0; e < topK; e++)
        {
            Insert(logits[e], e, e, experts, best);
        }

        for (int e = topK; e < count; e++)
        {
            if (logits[e] > best[topK - 1])
            {
                Insert(logits[e], e, topK - 1, experts, best);
            }
        }
    }

    private static void Insert(float logit, int expert, int place, int* experts, float* best)
    {
        while (place > 0 && logit > best[place - 1])
        {
            best[place] = best[place - 1];
            experts[place] = experts[place - 1];
            place--;
        }

        best[place] = logit;
        experts[place] = expert;
    }
}
