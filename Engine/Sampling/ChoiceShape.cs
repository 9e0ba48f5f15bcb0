using Lean.Kernels;

namespace Lean.Engine.Sampling;

/// <summary>
/// How much ranks that divide the vocabulary exchange to choose a step's tokens. It follows from the requests' parameters
/// alone, so that the step's plan knows it before there are logits:
/// <list type="number">
/// <item>One gather: each rank's pick per output row; of sampled rows its first candidates, as many as top-k keeps, which decide
/// the token wherever top-k is at most <see cref="MostCandidates"/>; its most likely tokens where they are listed.</item>
/// <item>Rows with a larger top-k, and rows with top-p and no top-k, find their boundary in four sums of 256 bins each (see
/// <see cref="Lean.Kernels.TokenShares"/>), whatever the distribution: 16 KiB a row instead of the row's logits.</item>
/// <item>Rows that candidates do not decide end with two gathers of a few bytes: what each rank keeps, and the token.</item>
/// </list>
/// </summary>
/// <param name="Outputs">R: output rows.</param>
/// <param name="Sampled">S: rows whose token is not simply the most likely one.</param>
/// <param name="Candidates">How many tokens each rank names for each of those; 0 where there are none.</param>
/// <param name="Listed">A: rows whose most likely tokens are listed.</param>
/// <param name="Alternatives">How many tokens are listed; 0 where there are none.</param>
/// <param name="Walked">Rows that candidates do not decide.</param>
/// <param name="TopK">How many of those look for the boundary of top-k.</param>
/// <param name="TopP">How many of those look for the boundary of top-p.</param>
internal readonly record struct ChoiceShape(int Outputs, int Sampled, int Candidates, int Listed, int Alternatives, int Walked, int TopK, int TopP)
{
    /// <summary>The largest top-k that candidates decide.</summary>
    public const int MostCandidates = 256;

    /// <summary>32-bit words of a candidate: the token, its logit as changed, its logit as the model has it.</summary>
    public const int CandidateWords = 3;

    /// <summary>32-bit words of a listed token: the token and its logit.</summary>
    public const int ListedWords = 2;

    /// <summary>Words that a rank brings to the first gather.</summary>
    public int Words => checked((TokenPick.Words * Outputs) + (CandidateWords * Sampled * Candidates) + (ListedWords * Listed * Alternatives));

    /// <summary>The shape of a step.</summary>
    /// <param name="rows">How its tokens are chosen, in the host's memory.</param>
    /// <param name="outputs">Its output rows.</param>
    /// <param name="vocabulary">Tokens of the model.</param>
    public static ChoiceShape Of(in SamplingRows rows, int outputs, int vocabulary)
    {
        int candidates = rows.Count > 0 ? 1 : 0, walked = 0, topK = 0, topP = 0;
        for (int i = 0; i < rows.Count; i++)
        {
            RowChoice row = RowChoice.Of(rows, i, vocabulary);
            candidates = int.Max(candidates, row.IsWalked ? 1 : row.TopK);
            walked += row.IsWalked ? 1 : 0;
            topK += row.SearchesTopK ? 1 : 0;
            topP += row.SearchesTopP ? 1 : 0;
        }

        int alternatives = rows.ListedCount > 0 ? int.Min(rows.Alternatives, vocabulary) : 0;
        return new ChoiceShape(outputs, rows.Count, candidates, rows.ListedCount, alternatives, walked, topK, topP);
    }
}
