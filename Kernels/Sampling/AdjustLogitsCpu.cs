using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Biases and penalties on the CPU: an item is a row.</summary>
internal sealed unsafe class AdjustLogitsCpu(CpuBackend backend) : AdjustLogits
{
    private protected override void Launch(Tensor logits, in LogitAdjustments adjustments)
    {
        AdjustLogitsArguments arguments = new()
        {
            Logits = (float*)logits.Address,
            Count = logits.Shape[1],
            BiasStarts = (int*)adjustments.BiasStarts.Address,
            Biased = (int*)adjustments.Biased.Address,
            Biases = (float*)adjustments.Biases.Address,
            SeenStarts = (int*)adjustments.SeenStarts.Address,
            Seen = (int*)adjustments.Seen.Address,
            Penalties = (float*)adjustments.Penalties.Address,
        };

        // A division and a cache miss for each entry.
        long rows = logits.Shape[0], entries = adjustments.Biased.Shape.Count + adjustments.Seen.Shape[0];
        backend.Run(CpuKernel.AdjustLogits, &arguments, (int)rows, 64 * (entries / rows));
    }
}

/// <summary>What <see cref="AdjustLogitsBody"/> reads.</summary>
internal unsafe struct AdjustLogitsArguments
{
    public float* Logits;
    public long Count;
    public int* BiasStarts;
    public int* Biased;
    public float* Biases;
    public int* SeenStarts;
    public int* Seen;
    public float* Penalties;
}

/// <summary>The body of <see cref="AdjustLogitsCpu"/>.</summary>
internal static unsafe class AdjustLogitsBody
{
    public static void Run(AdjustLogitsArguments* a, int begin, int end)
    {
        for (long r = begin; r < end; r++)
        {
            float* logits = a->Logits + (r * a->Count);
            for (int i = a->BiasStarts[r]; i < a->BiasStarts[r + 1]; i++)
            {
                float bias = a->Biases[i], x = logits[a->Biased[i]];
                logits[a->Biased[i]] = float.IsFinite(bias) ? Bounded(x, x + bias) : x + bias;
            }

            Penalise(a, r, logits);
        }
    }

    private static void Penalise(AdjustLogitsArguments* a, long r, float* logits)
    {
        float* penalties = a->Penalties + (r * LogitAdjustments.PenaltyColumns);
        float repetition = penalties[0], presence = penalties[1], frequency = penalties[2];
        for (int i = a->SeenStarts[r]; i < a->SeenStarts[r + 1]; i++)
        {
            int* entry = a->Seen + ((long)i * LogitAdjustments.SeenColumns);
            float x = logits[entry[0]];
            float y = x < 0 ? x * repetition : x / repetition;
            if (entry[1] > 0)
            {
                y = y - (frequency * entry[1]) - presence;
            }

            logits[entry[0]] = Bounded(x, y);
        }
    }

    // An extreme penalty must not look like a fault of the model.
    private static float Bounded(float before, float after) =>
        float.IsFinite(before) && float.IsInfinity(after) ? float.CopySign(float.MaxValue, after) : after;
}
