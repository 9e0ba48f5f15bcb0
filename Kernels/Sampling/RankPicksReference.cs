using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>One row after the other, sums in f64. So little work that it is the CPU's too, on the caller's thread.</summary>
internal sealed class RankPicksReference : RankPicks
{
    private protected override unsafe void LaunchPack(Tensor logits, Tensor tokens, Tensor logProbabilities, int first, Tensor picks)
    {
        Span<int> words = picks.AsSpan<int>();
        for (int row = 0; row < tokens.Shape[0]; row++)
        {
            int token = tokens.AsSpan<int>()[row];
            words[Words * row] = token < 0 ? -1 : first + token;
            words[(Words * row) + 1] = BitConverter.SingleToInt32Bits(token < 0 ? float.NaN : ((float*)logits.Address)[(row * logits.Shape[1]) + token]);
            words[(Words * row) + 2] = BitConverter.SingleToInt32Bits(token < 0 ? float.NaN : logProbabilities.AsSpan<float>()[row]);
        }
    }

    private protected override void LaunchMerge(Tensor picks, Tensor tokens, Tensor logProbabilities)
    {
        int rows = (int)tokens.Shape[0], pitch = Words * rows;
        ReadOnlySpan<int> words = picks.AsSpan<int>();
        for (int row = 0; row < rows; row++)
        {
            int best = Words * row;
            bool isFault = false;
            for (int at = best; at < words.Length; at += pitch)
            {
                (float own, float largest) = (Value(words, at + 1), Value(words, best + 1));
                best = own > largest || (own == largest && words[at] < words[best]) ? at : best;
                isFault |= words[at] < 0;
            }

            double sum = 0;
            for (int at = Words * row; at < words.Length; at += pitch)
            {
                sum += Math.Exp((double)Value(words, at + 1) - Value(words, best + 1) - Value(words, at + 2));
            }

            tokens.AsSpan<int>()[row] = isFault ? -1 : words[best];
            logProbabilities.AsSpan<float>()[row] = isFault ? float.NaN : (float)-Math.Log(sum);
        }
    }

    private static float Value(ReadOnlySpan<int> words, int at) => BitConverter.Int32BitsToSingle(words[at]);
}
