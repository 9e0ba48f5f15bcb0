using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// The index of the largest logit, ties to the lowest index, and its log-probability x_max − log Σ exp(x).
/// A row that holds a NaN or an infinity gets index −1 and NaN: a fault is reported, never turned into token 0.
/// </summary>
public abstract class GreedyPick
{
    private const string Op = "greedy_pick";

    /// <summary>Picks for R rows.</summary>
    /// <param name="logits">f32 [R, V].</param>
    /// <param name="tokens">i32 [R].</param>
    /// <param name="logProbabilities">f32 [R].</param>
    public void Run(Tensor logits, Tensor tokens, Tensor logProbabilities)
    {
        Check(logits, tokens, logProbabilities);
        if (logits.Shape[0] > 0)
        {
            Launch(logits, tokens, logProbabilities);
        }
    }

    /// <summary>Picks for R rows of whose log-probabilities nobody reads any.</summary>
    /// <param name="logits">f32 [R, V].</param>
    /// <param name="tokens">i32 [R].</param>
    /// <param name="room">f32 [R], scratch.</param>
    public void RunTokens(Tensor logits, Tensor tokens, Tensor room)
    {
        Check(logits, tokens, room);
        if (logits.Shape[0] > 0)
        {
            LaunchTokens(logits, tokens, room);
        }
    }

    private static void Check(Tensor logits, Tensor tokens, Tensor logProbabilities)
    {
        long rows = logits.Shape[0];
        LaunchCheck.Is(Op, nameof(logits), logits, DType.F32, new Shape(rows, logits.Shape[1]), "[R, V]");
        LaunchCheck.Is(Op, nameof(tokens), tokens, DType.I32, new Shape(rows), "[R]");
        LaunchCheck.Is(Op, nameof(logProbabilities), logProbabilities, DType.F32, new Shape(rows), "[R]");
    }

    private protected virtual void LaunchTokens(Tensor logits, Tensor tokens, Tensor room) => Launch(logits, tokens, room);

    private protected abstract void Launch(Tensor logits, Tensor tokens, Tensor logProbabilities);
}
