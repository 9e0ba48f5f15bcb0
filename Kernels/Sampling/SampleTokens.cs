using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Draws a token per row. Tokens are ordered by falling logit, ties by rising index; T is the temperature:
/// <list type="number">
/// <item>e = exp((x − x_max) / T);</item>
/// <item>top-k keeps the first k tokens, exactly k;</item>
/// <item>top-p keeps the shortest beginning of what is left whose share of the sum of e is at least p, at least one token;</item>
/// <item>min-p drops tokens with e &lt; p;</item>
/// <item>the token drawn is the first by index at which the running sum of the e that are left exceeds u times their sum.</item>
/// </list>
/// T = 0 takes the first token of the order. A logit of −∞ is a banned token; a row that holds a NaN or +∞, or nothing
/// but banned tokens, gives −1. Sources: TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper and
/// MinPLogitsWarper in transformers, in its order.
/// </summary>
/// <remarks>
/// So that the sums have no order, an implementation rounds e to a multiple of 2^−g, g = min(36, 53 − ⌈log2 V⌉)
/// (<see cref="WeightBits"/>): sums of V such weights are exact in f64, or as integers, whatever adds them up, and
/// every comparison between them is exact, too. A weight that rounds to 0 is never drawn.
/// </remarks>
public abstract class SampleTokens
{
    /// <summary>Columns of the settings: temperature, top-p and min-p.</summary>
    public const int SettingColumns = 3;

    /// <summary>Columns of a draw: the lower and the upper half of its 64 bits (see <see cref="Philox"/>).</summary>
    public const int DrawColumns = 2;

    private const string Op = "sample_tokens";

    /// <summary>g: fraction bits of a weight among V.</summary>
    public static int WeightBits(long vocabulary) => int.Min(36, 53 - (64 - System.Numerics.BitOperations.LeadingZeroCount((ulong)(vocabulary - 1))));

    /// <summary>Draws for S rows.</summary>
    /// <param name="logits">f32 [S, V], V at most 2^24.</param>
    /// <param name="rows">i32 [S]: where in <paramref name="tokens"/> each row's token goes (the caller has checked them).</param>
    /// <param name="settings">f32 [S, 3]: T ≥ 0, 0 &lt; top-p ≤ 1 (1: off), 0 ≤ min-p ≤ 1 (0: off).</param>
    /// <param name="topK">i32 [S]: k ≥ 1, or 0 for off.</param>
    /// <param name="draws">i32 [S, 2]: 64 random bits, whose upper 53 are u.</param>
    /// <param name="tokens">i32 [R]: entry rows[s] is replaced, unless it is negative, which tells of an earlier fault.</param>
    public void Run(Tensor logits, Tensor rows, Tensor settings, Tensor topK, Tensor draws, Tensor tokens)
    {
        long count = logits.Shape[0];
        LaunchCheck.Is(Op, nameof(logits), logits, DType.F32, new Shape(count, logits.Shape[1]), "[S, V]");
        LaunchCheck.That(logits.Shape[1] is >= 1 and <= 1 << 24, Op, "1 ≤ V ≤ 2^24");
        LaunchCheck.Is(Op, nameof(rows), rows, DType.I32, new Shape(count), "[S]");
        LaunchCheck.Is(Op, nameof(settings), settings, DType.F32, new Shape(count, SettingColumns), "[S, 3]");
        LaunchCheck.Is(Op, nameof(topK), topK, DType.I32, new Shape(count), "[S]");
        LaunchCheck.Is(Op, nameof(draws), draws, DType.I32, new Shape(count, DrawColumns), "[S, 2]");
        LaunchCheck.Is(Op, nameof(tokens), tokens, DType.I32, new Shape(tokens.Shape.Count), "[R]");
        if (count > 0)
        {
            Launch(logits, rows, settings, topK, draws, tokens);
        }
    }

    private protected abstract void Launch(Tensor logits, Tensor rows, Tensor settings, Tensor topK, Tensor draws, Tensor tokens);
}
