using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>
/// What a rank says of the tokens it holds, for one row: the most likely of them, its logit, and ln Σ exp over its logits. Of
/// all ranks' picks the largest logit wins, and of equal ones the lowest token; its log-probability follows from the sums,
/// added in the order of the ranks. A rank whose logits are not finite says −1, and then the row has no token.
/// </summary>
/// <param name="Token">The token, or −1.</param>
/// <param name="Logit">Its logit.</param>
/// <param name="LogSum">ln Σ exp over the rank's logits.</param>
internal readonly record struct TokenPick(int Token, float Logit, float LogSum)
{
    /// <summary>32-bit words of a pick on its way to other ranks.</summary>
    public const int Words = 3;

    /// <summary>Reads a row of a tensor of picks.</summary>
    /// <param name="picks">i32 [n, 3].</param>
    /// <param name="row">The row.</param>
    public static TokenPick Read(Tensor picks, long row)
    {
        ReadOnlySpan<int> words = picks.Rows(row, 1).AsSpan<int>();
        return new(words[0], BitConverter.Int32BitsToSingle(words[1]), BitConverter.Int32BitsToSingle(words[2]));
    }

    /// <summary>Writes a row of a tensor of picks.</summary>
    public void Write(Tensor picks, long row)
    {
        Span<int> words = picks.Rows(row, 1).AsSpan<int>();
        (words[0], words[1], words[2]) = (Token, BitConverter.SingleToInt32Bits(Logit), BitConverter.SingleToInt32Bits(LogSum));
    }

    /// <summary>The pick of all ranks for one row, as a token and its log-probability.</summary>
    /// <param name="picks">i32 [ranks · rows, 3]: each rank's rows together, in the order of the ranks.</param>
    /// <param name="row">The row.</param>
    /// <param name="rows">Rows of a rank.</param>
    public static (int Token, float LogProbability) Best(Tensor picks, long row, long rows)
    {
        TokenPick best = Read(picks, row);
        for (long at = row + rows; at < picks.Shape[0]; at += rows)
        {
            TokenPick other = Read(picks, at);
            bool better = best.Token >= 0 && (other.Token < 0 || other.Logit > best.Logit || (other.Logit == best.Logit && other.Token < best.Token));
            best = better ? other : best;
        }

        double sum = 0;
        for (long at = row; at < picks.Shape[0]; at += rows)
        {
            sum += Math.Exp((double)Read(picks, at).LogSum - best.Logit);
        }

        return best.Token < 0 ? (-1, float.NaN) : (best.Token, (float)-Math.Log(sum));
    }
}
