using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Greedy choice on the CPU: an item is a row.</summary>
internal sealed unsafe class GreedyPickCpu(CpuBackend backend) : GreedyPick
{
    private protected override void Launch(Tensor logits, Tensor tokens, Tensor logProbabilities)
    {
        GreedyPickArguments arguments = new()
        {
            Logits = (float*)logits.Address,
            Count = (int)logits.Shape[1],
            Tokens = (int*)tokens.Address,
            LogProbabilities = (float*)logProbabilities.Address,
        };
        backend.Run(CpuKernel.GreedyPick, &arguments, (int)logits.Shape[0], 16L * arguments.Count);
    }
}

/// <summary>What <see cref="GreedyPickBody{V}"/> reads.</summary>
internal unsafe struct GreedyPickArguments
{
    public float* Logits;
    public int Count;
    public int* Tokens;
    public float* LogProbabilities;
}

/// <summary>The body of <see cref="GreedyPickCpu"/>.</summary>
internal static unsafe class GreedyPickBody<V> where V : struct, IVec<V>
{
    private const int Lanes = IVec<V>.Lanes;

    // Exponentials are summed in f32 by lanes within a stretch and in double across stretches.
    private const int Stretch = 1024;

    public static void Run(GreedyPickArguments* a, int begin, int end)
    {
        for (int r = begin; r < end; r++)
        {
            float* logits = a->Logits + ((long)r * a->Count);
            float maximum = Maximum(logits, a->Count);
            if (float.IsNaN(maximum))
            {
                (a->Tokens[r], a->LogProbabilities[r]) = (-1, float.NaN);
                continue;
            }

            int token = 0;
            while (logits[token] != maximum)
            {
                token++;
            }

            a->Tokens[r] = token;
            a->LogProbabilities[r] = (float)-Math.Log(SumOfExponentials(logits, a->Count, maximum));
        }
    }

    /// <summary>The largest logit, or NaN where any is NaN or infinite.</summary>
    private static float Maximum(float* logits, int count)
    {
        // x − x is 0 for a finite x and NaN otherwise, and NaN survives a sum.
        V best = V.Broadcast(float.NegativeInfinity), faults = V.Zero;
        for (int i = 0; i < count; i += Lanes)
        {
            int n = int.Min(Lanes, count - i);
            V x = V.LoadPartial(logits + i, n);
            faults += x - x;
            best = V.Max(best, V.KeepFirst(x, n, float.NegativeInfinity));
        }

        return float.IsNaN(V.Sum(faults)) ? float.NaN : V.MaxLane(best);
    }

    private static double SumOfExponentials(float* logits, int count, float maximum)
    {
        double total = 0;
        V m = V.Broadcast(maximum);
        for (int first = 0; first < count; first += Stretch)
        {
            V sum = V.Zero;
            int last = int.Min(first + Stretch, count);
            for (int i = first; i < last; i += Lanes)
            {
                int n = int.Min(Lanes, last - i);
                sum += V.KeepFirst(VecMath<V>.Exp(V.LoadPartial(logits + i, n) - m), n, 0f);
            }

            total += V.Sum(sum);
        }

        return total;
    }
}
