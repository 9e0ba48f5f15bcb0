using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// The K most likely tokens of some rows, by falling logit, ties to the lowest index, and their log-probabilities as in
/// <see cref="LogProbabilities"/>. A row whose best token is −1 gives −1 and NaN.
/// </summary>
public abstract class TopLogProbabilities
{
    private const string Op = "top_log_probabilities";

    /// <summary>Lists the tokens of A of the R rows.</summary>
    /// <param name="logits">f32 [R, V].</param>
    /// <param name="rows">i32 [A], each in 0 … R − 1 (the caller has checked them).</param>
    /// <param name="best">i32 [R]: the most likely tokens.</param>
    /// <param name="bestValues">f32 [R]: their log-probabilities.</param>
    /// <param name="tokens">i32 [A, K], 1 ≤ K ≤ V.</param>
    /// <param name="values">f32 [A, K].</param>
    public void Run(Tensor logits, Tensor rows, Tensor best, Tensor bestValues, Tensor tokens, Tensor values)
    {
        long all = logits.Shape[0], count = rows.Shape.Count, most = tokens.Shape[1];
        LaunchCheck.Is(Op, nameof(logits), logits, DType.F32, new Shape(all, logits.Shape[1]), "[R, V]");
        LaunchCheck.Is(Op, nameof(rows), rows, DType.I32, new Shape(count), "[A]");
        LaunchCheck.Is(Op, nameof(best), best, DType.I32, new Shape(all), "[R]");
        LaunchCheck.Is(Op, nameof(bestValues), bestValues, DType.F32, new Shape(all), "[R]");
        LaunchCheck.That(most >= 1 && most <= logits.Shape[1], Op, "1 ≤ K ≤ V");
        LaunchCheck.Is(Op, nameof(tokens), tokens, DType.I32, new Shape(count, most), "[A, K]");
        LaunchCheck.Is(Op, nameof(values), values, DType.F32, new Shape(count, most), "[A, K]");
        if (count > 0)
        {
            Launch(logits, rows, best, bestValues, tokens, values);
        }
    }

    private protected abstract void Launch(Tensor logits, Tensor rows, Tensor best, Tensor bestValues, Tensor tokens, Tensor values);
}
