using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Greedy choices where each rank has the logits of its own tokens: what a rank says of a row is a pick of three words, and
/// of all ranks' picks the largest logit wins, of equal ones the lowest token. With lᵣ and pᵣ a rank's best logit and its
/// log-probability among the rank's own, the winner's log-probability is −log Σᵣ exp(lᵣ − l_max − pᵣ), summed in the order of
/// ranks. A rank whose logits are not finite picks −1, and then the row has no token: −1 and NaN. Drafts are chosen so; answers'
/// log-probabilities are not made of it on devices, where their sums are f32.
/// </summary>
public abstract class RankPicks
{
    /// <summary>Words of a pick: the token of the whole vocabulary or −1, its logit, its log-probability among the rank's.</summary>
    public const int Words = 3;

    private const string PackOp = "pack_picks", MergeOp = "merge_picks";

    /// <summary>Makes picks of what <see cref="GreedyPick"/> chose.</summary>
    /// <param name="logits">f32 [R, V] of the rank's V tokens.</param>
    /// <param name="tokens">i32 [R], the indices chosen, −1 for none.</param>
    /// <param name="logProbabilities">f32 [R].</param>
    /// <param name="first">The rank's first token.</param>
    /// <param name="picks">i32 [R, 3].</param>
    public void Pack(Tensor logits, Tensor tokens, Tensor logProbabilities, int first, Tensor picks)
    {
        long rows = logits.Shape[0];
        LaunchCheck.Is(PackOp, nameof(logits), logits, DType.F32, new Shape(rows, logits.Shape[1]), "[R, V]");
        LaunchCheck.Is(PackOp, nameof(tokens), tokens, DType.I32, new Shape(rows), "[R]");
        LaunchCheck.Is(PackOp, nameof(logProbabilities), logProbabilities, DType.F32, new Shape(rows), "[R]");
        LaunchCheck.Is(PackOp, nameof(picks), picks, DType.I32, new Shape(rows, Words), "[R, 3]");
        if (rows > 0)
        {
            LaunchPack(logits, tokens, logProbabilities, first, picks);
        }
    }

    /// <summary>Joins the picks of all ranks.</summary>
    /// <param name="picks">i32 [P·R, 3]: every rank's R picks, rank by rank.</param>
    /// <param name="tokens">i32 [R].</param>
    /// <param name="logProbabilities">f32 [R].</param>
    public void Merge(Tensor picks, Tensor tokens, Tensor logProbabilities)
    {
        long rows = tokens.Shape.Count;
        LaunchCheck.Is(MergeOp, nameof(tokens), tokens, DType.I32, new Shape(rows), "[R]");
        LaunchCheck.Is(MergeOp, nameof(logProbabilities), logProbabilities, DType.F32, new Shape(rows), "[R]");
        LaunchCheck.Is(MergeOp, nameof(picks), picks, DType.I32, new Shape(picks.Shape[0], Words), "[P*R, 3]");
        LaunchCheck.That(rows == 0 ? picks.Shape[0] == 0 : picks.Shape[0] > 0 && picks.Shape[0] % rows == 0, MergeOp, "as many picks of each rank as tokens");
        if (rows > 0)
        {
            LaunchMerge(picks, tokens, logProbabilities);
        }
    }

    private protected abstract void LaunchPack(Tensor logits, Tensor tokens, Tensor logProbabilities, int first, Tensor picks);

    private protected abstract void LaunchMerge(Tensor picks, Tensor tokens, Tensor logProbabilities);
}
