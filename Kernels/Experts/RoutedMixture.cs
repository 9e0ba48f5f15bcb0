using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// A mixture of experts from its logits on: <see cref="ExpertRouter"/> followed by <see cref="ExpertMixture"/>, which a device
/// may run without a launch for the choice where rows are few; the bits are those of the two. Source: Qwen3NextSparseMoeBlock
/// in transformers.
/// </summary>
public abstract class RoutedMixture
{
    private const string Op = "routed_mixture";

    /// <summary>Bytes of scratch memory that T rows need.</summary>
    public abstract long ScratchBytes(ExpertWeights weights, SharedExpert shared, long rows, long topK);

    /// <summary>Runs T rows through the K experts that each chooses, and the shared one.</summary>
    /// <param name="x">f32 [T, H].</param>
    /// <param name="weights">The routed experts; on a device each kind of matrix lies at equal distances in one buffer.</param>
    /// <param name="shared">The shared expert.</param>
    /// <param name="logits">f32 [T, E], rows may be strided.</param>
    /// <param name="topK">K.</param>
    /// <param name="renormalise">Whether the chosen weights are scaled to sum to one.</param>
    /// <param name="gateLogit">f32 [T, 1], rows may be strided.</param>
    /// <param name="scratch">i8 [n], n ≥ <see cref="ScratchBytes"/>, 64-byte aligned; contents are lost.</param>
    /// <param name="output">f32 [T, H].</param>
    /// <param name="promptRows">How many rows are a prompt's; they come first, generated rows follow.</param>
    public void Run(
        Tensor x, ExpertWeights weights, SharedExpert shared, Tensor logits, long topK, bool renormalise, Tensor gateLogit, Tensor scratch, Tensor output,
        long promptRows)
    {
        long rows = x.Shape[0];
        LaunchCheck.Is(Op, nameof(x), x, DType.F32, new Shape(rows, weights.Hidden), "[T, H]");
        LaunchCheck.Is(Op, nameof(logits), logits, DType.F32, new Shape(rows, weights.Count), "[T, E]", strided: true);
        LaunchCheck.That(topK >= 1 && topK <= weights.Count, Op, "1 ≤ K ≤ E");
        LaunchCheck.Is(Op, nameof(gateLogit), gateLogit, DType.F32, new Shape(rows, 1), "[T, 1]", strided: true);
        LaunchCheck.That(scratch.Bytes >= ScratchBytes(weights, shared, rows, topK), Op, "scratch memory for every row");
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, new Shape(rows, weights.Hidden), "[T, H]");
        LaunchCheck.That(promptRows >= 0 && promptRows <= rows, Op, "0 ≤ promptRows ≤ T");
        if (rows > 0)
        {
            Launch(x, weights, shared, logits, topK, renormalise, gateLogit, scratch, output, promptRows);
        }
    }

    private protected abstract void Launch(
        Tensor x, ExpertWeights weights, SharedExpert shared, Tensor logits, long topK, bool renormalise, Tensor gateLogit, Tensor scratch, Tensor output,
        long promptRows);
}
