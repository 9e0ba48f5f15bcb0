namespace Lean.Kernels;

/// <summary>
/// A beginning of the order by falling logit and rising index: the tokens whose logit is above <paramref name="Logit"/>,
/// and those that equal it up to index <paramref name="Last"/>.
/// </summary>
internal readonly record struct TokenCut(float Logit, int Last)
{
    /// <summary>Everything but banned tokens.</summary>
    public static TokenCut None => new(float.NegativeInfinity, -1);
}
