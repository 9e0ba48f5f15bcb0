using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The most likely tokens on the CPU: an item is a row.</summary>
internal sealed unsafe class TopLogProbabilitiesCpu(CpuBackend backend) : TopLogProbabilities
{
    private protected override void Launch(Tensor logits, Tensor rows, Tensor best, Tensor bestValues, Tensor tokens, Tensor values)
    {
        TopLogProbabilitiesArguments arguments = new()
        {
            Logits = (float*)logits.Address,
            Count = (int)logits.Shape[1],
            Rows = (int*)rows.Address,
            Best = (int*)best.Address,
            BestValues = (float*)bestValues.Address,
            Most = (int)tokens.Shape[1],
            Tokens = (int*)tokens.Address,
            Values = (float*)values.Address,
        };
        backend.Run(CpuKernel.TopLogProbabilities, &arguments, (int)rows.Shape.Count, 4L * arguments.Count);
    }
}

/// <summary>What <see cref="TopLogProbabilitiesBody{V}"/> reads.</summary>
internal unsafe struct TopLogProbabilitiesArguments
{
    public float* Logits;
    public int Count;
    public int* Rows;
    public int* Best;
    public float* BestValues;
    public int Most;
    public int* Tokens;
    public float* Values;
}

/// <summary>The body of <see cref="TopLogProbabilitiesCpu"/>.</summary>
internal static unsafe class TopLogProbabilitiesBody<V> where V : struct, IVec<V>
{
    private const int Lanes = IVec<V>.Lanes;

    public static void Run(TopLogProbabilitiesArguments* a, int begin, int end)
    {
        for (long i = begin; i < end; i++)
        {
            int row = a->Rows[i], best = a->Best[row];
            float* logits = a->Logits + ((long)row * a->Count), values = a->Values + (i * a->Most);
            int* tokens = a->Tokens + (i * a->Most);
            if (best >= 0)
            {
                List(logits, a->Count, a->Most, tokens);
            }

            for (int k = 0; k < a->Most; k++)
            {
                tokens[k] = best < 0 ? -1 : tokens[k];
                values[k] = best < 0 ? float.NaN : LogProbabilitiesBody.Of(logits, tokens[k], best, a->BestValues[row]);
            }
        }
    }

    // One pass with a sorted list of the best so far; strictly greater moves ahead, so ties stay with the lower index.
    private static void List(float* logits, int count, int most, int* tokens)
    {
        for (int i = 0; i < most; i++)
        {
            Insert(logits, i, i, tokens);
        }

        for (int i = most; i < count; i += Lanes)
        {
            int n = int.Min(Lanes, count - i);
            V x = V.KeepFirst(V.LoadPartial(logits + i, n), n, float.NegativeInfinity);
            if (V.MaxLane(x) > logits[tokens[most - 1]])
            {
                for (int j = i; j < i + n; j++)
                {
                    if (logits[j] > logits[tokens[most - 1]])
                    {
                        Insert(logits, j, most - 1, tokens);
                    }
                }
            }
        }
    }

    private static void Insert(float* logits, int token, int place, int* tokens)
    {
        for (; place > 0 && logits[token] > logits[tokens[place - 1]]; place--)
        {
            tokens[place] = tokens[place - 1];
        }

        tokens[place] = token;
    }
}
