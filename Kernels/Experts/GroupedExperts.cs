using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// y_t = Σ_{r=0}^{K−1} w_{t,r} · down_e(silu(gate_e x_t) ⊙ up_e x_t) with e = experts[t, r], summed in the order of the
/// ranks r. Rows are grouped by expert so that each expert's matrices are read once; a row's bits do not depend on
/// which other rows share its experts.
/// </summary>
public abstract class GroupedExperts
{
    private const string Op = "grouped_experts";

    /// <summary>Bytes of scratch memory that T rows need.</summary>
    public abstract long ScratchBytes(ExpertWeights weights, long rows, long topK);

    /// <summary>Runs T rows through K experts each.</summary>
    /// <param name="x">f32 [T, H].</param>
    /// <param name="weights">The experts; on a device each kind of matrix lies at equal distances in one buffer.</param>
    /// <param name="experts">
    /// i32 [T, K], each in 0 … E − 1, distinct within a row. Where the weights are a rank's part of a model's experts, numbers
    /// are the model's, and terms of experts that are not here are left out: a row that has none here becomes zero.
    /// </param>
    /// <param name="mix">f32 [T, K].</param>
    /// <param name="scratch">i8 [n], n ≥ <see cref="ScratchBytes"/>, 64-byte aligned; contents are lost.</param>
    /// <param name="output">f32 [T, H].</param>
    /// <param name="promptRows">
    /// How many rows are a prompt's; they come first, generated rows follow. On a GPU the classes run on different
    /// instructions (see <see cref="RowClass"/>); a CPU has one order for both.
    /// </param>
    public void Run(Tensor x, ExpertWeights weights, Tensor experts, Tensor mix, Tensor scratch, Tensor output, long promptRows)
    {
        long rows = x.Shape[0], topK = experts.Shape[1];
        LaunchCheck.Is(Op, nameof(x), x, DType.F32, new Shape(rows, weights.Hidden), "[T, H]");
        LaunchCheck.Is(Op, nameof(experts), experts, DType.I32, new Shape(rows, topK), "[T, K]");
        LaunchCheck.Is(Op, nameof(mix), mix, DType.F32, new Shape(rows, topK), "[T, K]");
        LaunchCheck.That(scratch.Bytes >= ScratchBytes(weights, rows, topK), Op, "scratch memory for every row");
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, new Shape(rows, weights.Hidden), "[T, H]");
        LaunchCheck.That(promptRows >= 0 && promptRows <= rows, Op, "0 ≤ promptRows ≤ T");
        if (rows > 0)
        {
            Launch(x, weights, experts, mix, scratch, output, promptRows);
        }
    }

    private protected abstract void Launch(Tensor x, ExpertWeights weights, Tensor experts, Tensor mix, Tensor scratch, Tensor output, long promptRows);
}
