using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// A mixture of experts behind its router: y_t = Σ_r w_{t,r} · expert_{experts[t, r]}(x_t) + sigmoid(g_t) · shared(x_t), with
/// expert(x) = down(silu(gate·x) ⊙ up·x), summed in the order of the ranks, the shared expert last. It is
/// <see cref="GroupedExperts"/> followed by <see cref="GatedMlp"/>, which a device may run in one for few rows; the bits
/// are those of the two. Source: Qwen3NextSparseMoeBlock in transformers.
/// </summary>
public abstract class ExpertMixture
{
    private const string Op = "expert_mixture";

    /// <summary>Bytes of scratch memory that T rows need.</summary>
    public abstract long ScratchBytes(ExpertWeights weights, SharedExpert shared, long rows, long topK);

    /// <summary>Runs T rows through K experts each and the shared one.</summary>
    /// <param name="x">f32 [T, H].</param>
    /// <param name="weights">The routed experts; on a device each kind of matrix lies at equal distances in one buffer.</param>
    /// <param name="shared">The shared expert.</param>
    /// <param name="experts">i32 [T, K], each in 0 … E − 1, distinct within a row.</param>
    /// <param name="mix">f32 [T, K].</param>
    /// <param name="gateLogit">f32 [T, 1], rows may be strided.</param>
    /// <param name="scratch">i8 [n], n ≥ <see cref="ScratchBytes"/>, 64-byte aligned; contents are lost.</param>
    /// <param name="output">f32 [T, H].</param>
    /// <param name="promptRows">How many rows are a prompt's; they come first, generated rows follow.</param>
    /// <param name="terms">bf16 [R, P]: what <see cref="NormedTerms"/> made of the prompt's rows beside <paramref name="x"/>; or empty.</param>
    public void Run(
        Tensor x, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output, long promptRows, Tensor terms = default)
    {
        Check(x, weights, shared, experts, mix, gateLogit, scratch, output, promptRows, terms);
        if (x.Shape[0] > 0)
        {
            Launch(x, terms, weights, shared, experts, mix, gateLogit, scratch, output, promptRows);
        }
    }

    /// <summary>Runs T rows, all of them generated or all a prompt's, and may leave what their experts gave to a <see cref="SummedNorm"/>, or to <see cref="Sum"/>.</summary>
    /// <param name="x">As for <see cref="Run"/>, and so all others.</param>
    /// <param name="weights">The routed experts.</param>
    /// <param name="shared">The shared expert.</param>
    /// <param name="experts">i32 [T, K].</param>
    /// <param name="mix">f32 [T, K].</param>
    /// <param name="gateLogit">f32 [T, 1].</param>
    /// <param name="scratch">i8 [n].</param>
    /// <param name="output">f32 [T, H]: the sums, if nothing is left.</param>
    /// <param name="promptRows">0, or T.</param>
    /// <param name="terms">bf16 [T, P], or empty.</param>
    /// <returns>What is left, or nothing; its tensors are those given here, and parts of the scratch memory.</returns>
    public ExpertParts RunInParts(
        Tensor x, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output, long promptRows = 0, Tensor terms = default)
    {
        Check(x, weights, shared, experts, mix, gateLogit, scratch, output, promptRows, terms);
        LaunchCheck.That(promptRows == 0 || promptRows == x.Shape[0], Op, "rows of one class");
        return x.Shape[0] > 0 ? LaunchInParts(x, terms, weights, shared, experts, mix, gateLogit, scratch, output, promptRows) : default;
    }

    /// <summary>Adds up what <see cref="RunInParts"/> left, for who wants it before a norm.</summary>
    /// <param name="parts">What was left.</param>
    /// <param name="output">f32 [T, H].</param>
    public void Sum(in ExpertParts parts, Tensor output)
    {
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, parts.Total.Shape, "[T, H]");
        LaunchSum(parts, output);
    }

    private void Check(
        Tensor x, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output, long promptRows, Tensor terms)
    {
        long rows = x.Shape[0], topK = experts.Shape[1];
        LaunchCheck.Is(Op, nameof(x), x, DType.F32, new Shape(rows, weights.Hidden), "[T, H]");
        LaunchCheck.That(!weights.IsPart, Op, "all experts of the model");
        LaunchCheck.That(
            shared.GateUp.Inputs == weights.Hidden && shared.Down.Outputs == weights.Hidden && shared.GateUp.Outputs == 2 * shared.Down.Inputs,
            Op, "the shared expert's gate_up [2J, H] and down [H, J]");
        LaunchCheck.Is(Op, nameof(experts), experts, DType.I32, new Shape(rows, topK), "[T, K]");
        LaunchCheck.Is(Op, nameof(mix), mix, DType.F32, new Shape(rows, topK), "[T, K]");
        LaunchCheck.Is(Op, nameof(gateLogit), gateLogit, DType.F32, new Shape(rows, 1), "[T, 1]", strided: true);
        LaunchCheck.That(scratch.Bytes >= ScratchBytes(weights, shared, rows, topK), Op, "scratch memory for every row");
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, new Shape(rows, weights.Hidden), "[T, H]");
        LaunchCheck.That(promptRows >= 0 && promptRows <= rows, Op, "0 ≤ promptRows ≤ T");
        LaunchCheck.That(terms.IsEmpty || (TakesTerms(weights, shared) && terms.Shape[0] == promptRows), Op, "terms of the prompt's rows, of weights that take them");
    }

    /// <summary>Whether terms of a prompt's rows save a launch.</summary>
    public virtual bool TakesTerms(ExpertWeights weights, SharedExpert shared) => false;

    private protected virtual ExpertParts LaunchInParts(
        Tensor x, Tensor terms, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output, long promptRows)
    {
        Launch(x, terms, weights, shared, experts, mix, gateLogit, scratch, output, promptRows);
        return default;
    }

    private protected virtual void LaunchSum(in ExpertParts parts, Tensor output) => throw new NotSupportedException("experts' sums are not left in parts here");

    private protected virtual void Launch(
        Tensor x, Tensor terms, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output, long promptRows) =>
        Launch(x, weights, shared, experts, mix, gateLogit, scratch, output, promptRows);

    private protected abstract void Launch(
        Tensor x, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output, long promptRows);
}
