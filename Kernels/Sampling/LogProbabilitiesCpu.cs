using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Log-probabilities of chosen tokens on the CPU: an item is a row.</summary>
internal sealed unsafe class LogProbabilitiesCpu(CpuBackend backend) : LogProbabilities
{
    private protected override void Launch(Tensor logits, Tensor best, Tensor tokens, Tensor values)
    {
        LogProbabilitiesArguments arguments = new()
        {
            Logits = (float*)logits.Address,
            Count = logits.Shape[1],
            Best = (int*)best.Address,
            Tokens = (int*)tokens.Address,
            Values = (float*)values.Address,
        };
        backend.Run(CpuKernel.LogProbabilities, &arguments, (int)logits.Shape[0], 8);
    }
}

/// <summary>What <see cref="LogProbabilitiesBody"/> reads.</summary>
internal unsafe struct LogProbabilitiesArguments
{
    public float* Logits;
    public long Count;
    public int* Best;
    public int* Tokens;
    public float* Values;
}

/// <summary>The body of <see cref="LogProbabilitiesCpu"/>.</summary>
internal static unsafe class LogProbabilitiesBody
{
    public static void Run(LogProbabilitiesArguments* a, int begin, int end)
    {
        for (long r = begin; r < end; r++)
        {
            a->Values[r] = a->Tokens[r] < 0 ? float.NaN : Of(a->Logits + (r * a->Count), a->Tokens[r], a->Best[r], a->Values[r]);
        }
    }

    /// <summary>
    /// The log-probability of a token, given that of the most likely one. Logits further apart than an f32 reaches stay finite.
    /// </summary>
    public static float Of(float* logits, int token, int best, float value) =>
        token == best ? value : (float)Math.Max(value + ((double)logits[token] - logits[best]), float.MinValue);
}
