namespace Lean.Kernels;

/// <summary>
/// What a rank says of the tokens it holds, for one row: the most likely of them, its logit, and its log-probability among
/// them. Of all ranks' picks the largest logit wins, and of equal ones the lowest token; its log-probability follows from
/// the ranks' sums, added in their order. A rank whose logits are not finite says −1, and then the row has no token.
/// </summary>
/// <param name="Token">The token, or −1.</param>
/// <param name="Logit">Its logit.</param>
/// <param name="LogProbability">Its logit less ln Σ exp over the rank's logits; of several ranks' picks, over all.</param>
public readonly record struct TokenPick(int Token, float Logit, float LogProbability)
{
    /// <summary>32-bit words of a pick on its way to other ranks, those of <see cref="RankPicks"/>.</summary>
    public const int Words = RankPicks.Words;

    /// <summary>No token, since a logit is not finite.</summary>
    public static TokenPick None => new(-1, float.NaN, float.NaN);

    /// <summary>Reads a pick.</summary>
    public static TokenPick Read(ReadOnlySpan<int> words) =>
        new(words[0], BitConverter.Int32BitsToSingle(words[1]), BitConverter.Int32BitsToSingle(words[2]));

    /// <summary>Writes the pick.</summary>
    public void Write(Span<int> words) =>
        (words[0], words[1], words[2]) = (Token, BitConverter.SingleToInt32Bits(Logit), BitConverter.SingleToInt32Bits(LogProbability));

    /// <summary>The pick of all ranks for one row.</summary>
    /// <param name="words">All ranks' words, in their order.</param>
    /// <param name="first">Where the first rank's pick begins.</param>
    /// <param name="pitch">Words from a rank's pick to the next one's.</param>
    public static TokenPick Best(ReadOnlySpan<int> words, int first, int pitch)
    {
        TokenPick best = Read(words[first..]);
        for (int at = first + pitch; at < words.Length; at += pitch)
        {
            TokenPick other = Read(words[at..]);
            bool better = best.Token >= 0 && (other.Token < 0 || other.Logit > best.Logit || (other.Logit == best.Logit && other.Token < best.Token));
            best = better ? other : best;
        }

        if (best.Token < 0)
        {
            return None;
        }

        double sum = 0;
        for (int at = first; at < words.Length; at += pitch)
        {
            TokenPick own = Read(words[at..]);
            sum += Math.Exp((double)own.Logit - best.Logit - own.LogProbability);
        }

        return best with { LogProbability = (float)-Math.Log(sum) };
    }

    /// <summary>The log-probability of another token of the row, as <see cref="LogProbabilities"/> has it.</summary>
    public float LogProbabilityOf(int token, float logit) =>
        Token < 0 || token < 0 ? float.NaN : token == Token ? LogProbability : (float)Math.Max(LogProbability + ((double)logit - Logit), float.MinValue);
}
