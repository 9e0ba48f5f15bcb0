using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// What each holder of a part of the vocabulary computes so that all together draw the very token that
/// <see cref="SampleTokens"/> draws from all logits. Weights are whole numbers here, e = exp((x − x_max) / T) rounded to a
/// multiple of 2^−g and counted in it, so their sums are exact in any order and any division: what holders add up is
/// what one would have.
/// <list type="number">
/// <item><see cref="RunBins"/> finds the boundary of top-k or top-p, eight bits of the logit's <see cref="Key"/> at a time:
/// holders' bins are added, the bin that holds the boundary gives the next eight bits. Four times, whatever the logits are.</item>
/// <item><see cref="RunSums"/> says what a holder's tokens weigh above the boundary, and how many stand on it; those of the first
/// holders are kept first, which is the order by index.</item>
/// <item><see cref="RunDraw"/> walks through the part in which u times the sum of all holders lies.</item>
/// </list>
/// A part has V′ of the V tokens; x_max is the largest logit of all parts, and is finite.
/// </summary>
public abstract class TokenShares
{
    /// <summary>Bins of a digit.</summary>
    public const int Bins = 1 << DigitBits;

    /// <summary>Digits of a key: so often must bins be added.</summary>
    public const int Digits = sizeof(int) * 8 / DigitBits;

    /// <summary>Columns of a bin, and of a sum: how many tokens, what they weigh.</summary>
    public const int BinColumns = 2;

    /// <summary>Columns of the settings: x_max and T.</summary>
    public const int SettingColumns = 2;

    /// <summary>Columns of a cut: the boundary's logit and min-p.</summary>
    public const int CutColumns = 2;

    private const int DigitBits = 8;
    private const string Bin = "token_bins", Sum = "token_sums", Pick = "draw_token";

    /// <summary>Integers in the order of the floats they stand for; both zeros are one.</summary>
    public static uint Key(float x)
    {
        int bits = BitConverter.SingleToInt32Bits(x + 0f);
        return (uint)(bits ^ ((bits >> 31) | int.MinValue));
    }

    /// <summary>The float of a key.</summary>
    public static float OfKey(uint key) => BitConverter.Int32BitsToSingle((int)key < 0 ? (int)key ^ int.MinValue : ~(int)key);

    /// <summary>How far a key is shifted so that a digit stands lowest.</summary>
    /// <param name="digit">0 for the highest.</param>
    public static int ShiftOf(int digit) => DigitBits * (Digits - 1 - digit);

    /// <summary>What a token weighs, in units of 2^−g; nothing below min-p.</summary>
    /// <param name="logit">x.</param>
    /// <param name="maximum">x_max.</param>
    /// <param name="temperature">T.</param>
    /// <param name="minP">The least e, 0 for off.</param>
    /// <param name="vocabulary">V.</param>
    public static unsafe long Weight(float logit, float maximum, float temperature, float minP, int vocabulary)
    {
        var row = new TokenWeights(null, 0, maximum, temperature, vocabulary);
        float e = VecMath<VecScalar>.Exp((logit - row.Maximum) * row.InverseTemperature);
        return e < minP ? 0 : row.Units((e + row.Rounder) - row.Rounder);
    }

    /// <summary>
    /// Counts and weighs n of the S rows' tokens by the next digit of their keys, as far as the digits before are the prefix
    /// and they could weigh anything.
    /// </summary>
    /// <param name="logits">f32 [S, V′].</param>
    /// <param name="rows">i32 [n], each in 0 … S − 1 (the caller has checked them).</param>
    /// <param name="settings">f32 [n, 2]: x_max, T &gt; 0.</param>
    /// <param name="prefixes">i32 [n]: the digits before, lowest; ignored for the first digit.</param>
    /// <param name="digit">Which digit, 0 … 3 from the highest.</param>
    /// <param name="vocabulary">V ≥ V′.</param>
    /// <param name="bins">i64 [n, 256, 2].</param>
    public void RunBins(Tensor logits, Tensor rows, Tensor settings, Tensor prefixes, int digit, int vocabulary, Tensor bins)
    {
        long count = Check(Bin, logits, rows, settings, vocabulary);
        LaunchCheck.Is(Bin, nameof(prefixes), prefixes, DType.I32, new Shape(count), "[n]");
        LaunchCheck.That(digit is >= 0 and < Digits, Bin, "a digit of 0 to 3");
        LaunchCheck.Is(Bin, nameof(bins), bins, DType.I64, new Shape(count, Bins, BinColumns), "[n, 256, 2]");
        if (count > 0)
        {
            LaunchBins(logits, rows, settings, prefixes, digit, vocabulary, bins);
        }
    }

    /// <summary>Counts the tokens on the boundary, and weighs those above it that are not below min-p.</summary>
    /// <param name="logits">f32 [S, V′].</param>
    /// <param name="rows">i32 [n], each in 0 … S − 1 (the caller has checked them).</param>
    /// <param name="settings">f32 [n, 2]: x_max, T &gt; 0.</param>
    /// <param name="cuts">f32 [n, 2]: the boundary, −∞ for none; min-p.</param>
    /// <param name="vocabulary">V ≥ V′.</param>
    /// <param name="sums">i64 [n, 2].</param>
    public void RunSums(Tensor logits, Tensor rows, Tensor settings, Tensor cuts, int vocabulary, Tensor sums)
    {
        long count = Check(Sum, logits, rows, settings, vocabulary);
        LaunchCheck.Is(Sum, nameof(cuts), cuts, DType.F32, new Shape(count, CutColumns), "[n, 2]");
        LaunchCheck.Is(Sum, nameof(sums), sums, DType.I64, new Shape(count, BinColumns), "[n, 2]");
        if (count > 0)
        {
            LaunchSums(logits, rows, settings, cuts, vocabulary, sums);
        }
    }

    /// <summary>
    /// The first token of the part at which the running sum of what is kept exceeds the target: tokens above the boundary, and the
    /// first so many on it, not below min-p.
    /// </summary>
    /// <param name="logits">f32 [S, V′].</param>
    /// <param name="rows">i32 [n], each in 0 … S − 1 (the caller has checked them).</param>
    /// <param name="settings">f32 [n, 2]: x_max, T &gt; 0.</param>
    /// <param name="cuts">f32 [n, 2]: the boundary, −∞ for none; min-p.</param>
    /// <param name="ties">i32 [n]: tokens on the boundary that are kept.</param>
    /// <param name="targets">i64 [n], in units of 2^−g: below what the part keeps (the caller has checked it).</param>
    /// <param name="vocabulary">V ≥ V′.</param>
    /// <param name="tokens">i32 [n], counted from the part's first.</param>
    public void RunDraw(Tensor logits, Tensor rows, Tensor settings, Tensor cuts, Tensor ties, Tensor targets, int vocabulary, Tensor tokens)
    {
        long count = Check(Pick, logits, rows, settings, vocabulary);
        LaunchCheck.Is(Pick, nameof(cuts), cuts, DType.F32, new Shape(count, CutColumns), "[n, 2]");
        LaunchCheck.Is(Pick, nameof(ties), ties, DType.I32, new Shape(count), "[n]");
        LaunchCheck.Is(Pick, nameof(targets), targets, DType.I64, new Shape(count), "[n]");
        LaunchCheck.Is(Pick, nameof(tokens), tokens, DType.I32, new Shape(count), "[n]");
        if (count > 0)
        {
            LaunchDraw(logits, rows, settings, cuts, ties, targets, vocabulary, tokens);
        }
    }

    private protected abstract void LaunchBins(Tensor logits, Tensor rows, Tensor settings, Tensor prefixes, int digit, int vocabulary, Tensor bins);

    private protected abstract void LaunchSums(Tensor logits, Tensor rows, Tensor settings, Tensor cuts, int vocabulary, Tensor sums);

    private protected abstract void LaunchDraw(Tensor logits, Tensor rows, Tensor settings, Tensor cuts, Tensor ties, Tensor targets, int vocabulary, Tensor tokens);

    private static long Check(string op, Tensor logits, Tensor rows, Tensor settings, int vocabulary)
    {
        long count = rows.Shape.Count;
        LaunchCheck.Is(op, nameof(logits), logits, DType.F32, new Shape(logits.Shape[0], logits.Shape[1]), "[S, V′]");
        LaunchCheck.That(logits.Shape[1] >= 1 && logits.Shape[1] <= vocabulary && vocabulary <= 1 << 24, op, "1 ≤ V′ ≤ V ≤ 2^24");
        LaunchCheck.Is(op, nameof(rows), rows, DType.I32, new Shape(count), "[n]");
        LaunchCheck.Is(op, nameof(settings), settings, DType.F32, new Shape(count, SettingColumns), "[n, 2]");
        return count;
    }
}
