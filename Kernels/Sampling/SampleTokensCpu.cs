using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Sampling on the CPU: an item is a row.</summary>
internal sealed unsafe class SampleTokensCpu(CpuBackend backend) : SampleTokens
{
    private protected override void Launch(Tensor logits, Tensor rows, Tensor settings, Tensor topK, Tensor draws, Tensor tokens)
    {
        SampleTokensArguments arguments = new()
        {
            Logits = (float*)logits.Address,
            Count = (int)logits.Shape[1],
            Rows = (int*)rows.Address,
            Settings = (float*)settings.Address,
            TopK = (int*)topK.Address,
            Draws = (int*)draws.Address,
            Tokens = (int*)tokens.Address,
        };

        // Some ten passes, each a few operations for sixteen logits.
        backend.Run(CpuKernel.SampleTokens, &arguments, (int)logits.Shape[0], 32L * arguments.Count);
    }
}

/// <summary>What <see cref="SampleTokensBody{V}"/> reads.</summary>
internal unsafe struct SampleTokensArguments
{
    public float* Logits;
    public int Count;
    public int* Rows;
    public float* Settings;
    public int* TopK;
    public int* Draws;
    public int* Tokens;
}

/// <summary>The body of <see cref="SampleTokensCpu"/>.</summary>
internal static unsafe class SampleTokensBody<V> where V : struct, IVec<V>
{
    private const int Lanes = IVec<V>.Lanes;

    public static void Run(SampleTokensArguments* a, int begin, int end)
    {
        for (long s = begin; s < end; s++)
        {
            int* token = a->Tokens + a->Rows[s];
            if (*token >= 0)
            {
                *token = Pick(a, a->Logits + (s * a->Count), s);
            }
        }
    }

    private static int Pick(SampleTokensArguments* a, float* logits, long s)
    {
        float maximum = Maximum(logits, a->Count);
        if (!float.IsFinite(maximum))
        {
            return -1;
        }

        float* settings = a->Settings + (s * SampleTokens.SettingColumns);
        float temperature = settings[0], topP = settings[1], minP = settings[2];
        int topK = a->TopK[s];
        if (temperature == 0f || topK == 1)
        {
            int first = 0;
            while (logits[first] != maximum)
            {
                first++;
            }

            return first;
        }

        var row = new TokenWeights(logits, a->Count, maximum, temperature);
        TokenCut cut = TokenCut.None;
        if (topK > 0 && topK < a->Count)
        {
            cut = TokenSearch<V>.First(row, topK, cut);
        }

        if (topP < 1f)
        {
            cut = TokenSearch<V>.Share(row, topP, cut);
        }

        int* draw = a->Draws + (s * SampleTokens.DrawColumns);
        return TokenWalk<V>.Draw(row, cut, minP, Philox.Uniform(((ulong)(uint)draw[1] << 32) | (uint)draw[0]));
    }

    /// <summary>The largest logit; NaN where any is NaN or +∞, −∞ where all are.</summary>
    private static float Maximum(float* logits, int count)
    {
        V best = V.Broadcast(float.NegativeInfinity), faults = V.Zero;
        V infinity = V.Broadcast(float.PositiveInfinity), one = V.Broadcast(1f);
        for (int i = 0; i < count; i += Lanes)
        {
            int n = int.Min(Lanes, count - i);
            V x = V.LoadPartial(logits + i, n);
            faults += V.SelectLess(x, infinity, V.Zero, one);
            best = V.Max(best, V.KeepFirst(x, n, float.NegativeInfinity));
        }

        return V.Sum(faults) > 0 ? float.NaN : V.MaxLane(best);
    }
}
