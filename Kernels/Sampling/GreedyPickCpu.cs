using System.Runtime.Intrinsics;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Greedy choice on the CPU: an item is a row.</summary>
internal sealed unsafe class GreedyPickCpu(CpuBackend backend) : GreedyPick
{
    private protected override void Launch(Tensor logits, Tensor tokens, Tensor logProbabilities) => Launch(logits, tokens, (float*)logProbabilities.Address);

    private protected override void LaunchTokens(Tensor logits, Tensor tokens, Tensor room) => Launch(logits, tokens, logProbabilities: null);

    private void Launch(Tensor logits, Tensor tokens, float* logProbabilities)
    {
        GreedyPickArguments arguments = new()
        {
            Logits = (float*)logits.Address,
            Count = (int)logits.Shape[1],
            Tokens = (int*)tokens.Address,
            LogProbabilities = logProbabilities,
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
    public float* LogProbabilities; // or null
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
            bool isFinite = !float.IsNaN(maximum);
            a->Tokens[r] = isFinite ? IndexOf(logits, a->Count, maximum) : -1;
            if (a->LogProbabilities != null)
            {
                a->LogProbabilities[r] = isFinite ? (float)-Math.Log(SumOfExponentials(logits, a->Count, maximum)) : float.NaN;
            }
        }
    }

    /// <summary>The largest logit, or NaN where any is NaN or infinite.</summary>
    private static float Maximum(float* logits, int count)
    {
        // x − x is 0 for a finite x and NaN otherwise, and NaN survives a sum.
        V best = V.Broadcast(float.NegativeInfinity), faults = V.Zero;
        int i = 0;
        for (; i + Lanes <= count; i += Lanes)
        {
            V x = V.Load(logits + i);
            faults += x - x;
            best = V.Max(best, x);
        }

        if (i < count)
        {
            V x = V.LoadPartial(logits + i, count - i);
            faults += x - x;
            best = V.Max(best, V.KeepFirst(x, count - i, float.NegativeInfinity));
        }

        return float.IsNaN(V.Sum(faults)) ? float.NaN : V.MaxLane(best);
    }

    // The first that is equal; there is one.
    private static int IndexOf(float* logits, int count, float value)
    {
        int i = 0;
        while (i + Lanes <= count && !Vector512.EqualsAny(Vector512.Load(logits + i), Vector512.Create(value)))
        {
            i += Lanes;
        }

        while (logits[i] != value)
        {
            i++;
        }

        return i;
    }

    private static double SumOfExponentials(float* logits, int count, float maximum)
    {
        double total = 0;
        V m = V.Broadcast(maximum);
        for (int first = 0; first < count; first += Stretch)
        {
            V sum = V.Zero;
            int last = int.Min(first + Stretch, count), i = first;
            for (; i + Lanes <= last; i += Lanes)
            {
                sum += VecMath<V>.Exp(V.Load(logits + i) - m);
            }

            if (i < last)
            {
                sum += V.KeepFirst(VecMath<V>.Exp(V.LoadPartial(logits + i, last - i) - m), last - i, 0f);
            }

            total += V.Sum(sum);
        }

        return total;
    }
}
