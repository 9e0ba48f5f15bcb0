using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// From the log-probability of each row's most likely token to that of the chosen one: y ← y + (x[token] − x[best]),
/// in double (or twice f32's precision where a device has no doubles), rounded once; unchanged where they are the same token, NaN where the choice is −1.
/// </summary>
public abstract class LogProbabilities
{
    private const string Op = "log_probabilities";

    /// <summary>Looks up R rows.</summary>
    /// <param name="logits">f32 [R, V].</param>
    /// <param name="best">i32 [R]: the most likely tokens (see <see cref="GreedyPick"/>).</param>
    /// <param name="tokens">i32 [R]: the chosen ones, or −1.</param>
    /// <param name="values">f32 [R]: log-probabilities of <paramref name="best"/> on entry, of <paramref name="tokens"/> on return.</param>
    public void Run(Tensor logits, Tensor best, Tensor tokens, Tensor values)
    {
        long rows = logits.Shape[0];
        LaunchCheck.Is(Op, nameof(logits), logits, DType.F32, new Shape(rows, logits.Shape[1]), "[R, V]");
        LaunchCheck.Is(Op, nameof(best), best, DType.I32, new Shape(rows), "[R]");
        LaunchCheck.Is(Op, nameof(tokens), tokens, DType.I32, new Shape(rows), "[R]");
        LaunchCheck.Is(Op, nameof(values), values, DType.F32, new Shape(rows), "[R]");
        if (rows > 0)
        {
            Launch(logits, best, tokens, values);
        }
    }

    private protected abstract void Launch(Tensor logits, Tensor best, Tensor tokens, Tensor values);
}
