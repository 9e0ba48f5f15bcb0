using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>One row after the other, sums in f64. So little work that it is the CPU's too, on the caller's thread.</summary>
internal sealed class RankPicksReference : RankPicks
{
    private protected override unsafe void LaunchPack(Tensor logits, Tensor tokens, Tensor logProbabilities, int first, Tensor picks)
    {
        for (int row = 0; row < tokens.Shape[0]; row++)
        {
            int token = tokens.AsSpan<int>()[row];
            TokenPick pick = token < 0 ? TokenPick.None : new(first + token, ((float*)logits.Address)[(row * logits.Shape[1]) + token], logProbabilities.AsSpan<float>()[row]);
            pick.Write(picks.AsSpan<int>()[(Words * row)..]);
        }
    }

    private protected override void LaunchMerge(Tensor picks, Tensor tokens, Tensor logProbabilities)
    {
        int rows = (int)tokens.Shape[0];
        for (int row = 0; row < rows; row++)
        {
            TokenPick best = TokenPick.Best(picks.AsSpan<int>(), Words * row, Words * rows);
            (tokens.AsSpan<int>()[row], logProbabilities.AsSpan<float>()[row]) = (best.Token, best.LogProbability);
        }
    }
}
