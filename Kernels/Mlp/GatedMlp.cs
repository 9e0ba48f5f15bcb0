using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// y = s ⊙ down(silu(gate·x) ⊙ up·x) + add: the dense MLP, and the shared expert with its scalar gate
/// (s = sigmoid(gate logit)) on top of the routed experts' sum.
/// </summary>
public abstract class GatedMlp
{
    private const string Op = "gated_mlp";

    /// <summary>Runs T rows.</summary>
    /// <param name="x">f32 [T, H].</param>
    /// <param name="gateUp">[2I, H]: gate in the first I rows, up in the others.</param>
    /// <param name="down">[H, I].</param>
    /// <param name="gateLogit">f32 [T, 1], rows may be strided; an empty view for s = 1.</param>
    /// <param name="add">f32 [T, H], may be <paramref name="output"/>; an empty view for none.</param>
    /// <param name="scratch">f32 [T, 2I]; contents are lost.</param>
    /// <param name="output">f32 [T, H].</param>
    /// <param name="promptRows">
    /// How many rows are a prompt's; they come first, generated rows follow. On a GPU the classes run on different
    /// instructions (see <see cref="RowClass"/>); a CPU has one order for both.
    /// </param>
    /// <param name="terms">bf16 [R, P]: what <see cref="NormedTerms"/> made of the prompt's rows, where the op <see cref="TakesTerms"/>; else empty.</param>
    public void Run(
        Tensor x, LinearWeight gateUp, LinearWeight down, Tensor gateLogit, Tensor add, Tensor scratch, Tensor output, long promptRows, Tensor terms = default)
    {
        Shape shape = new(x.Shape[0], gateUp.Inputs);
        LaunchCheck.Is(Op, nameof(x), x, DType.F32, shape, "[T, H]");
        LaunchCheck.That(gateUp.Outputs == 2 * down.Inputs && down.Outputs == gateUp.Inputs, Op, "gate_up [2I, H] and down [H, I]");
        if (!gateLogit.IsEmpty)
        {
            LaunchCheck.Is(Op, nameof(gateLogit), gateLogit, DType.F32, new Shape(shape[0], 1), "[T, 1]", strided: true);
        }

        if (!add.IsEmpty)
        {
            LaunchCheck.Is(Op, nameof(add), add, DType.F32, shape, "[T, H]");
        }

        LaunchCheck.Is(Op, nameof(scratch), scratch, DType.F32, new Shape(shape[0], gateUp.Outputs), "[T, 2I]");
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, shape, "[T, H]");
        LaunchCheck.That(promptRows >= 0 && promptRows <= shape[0], Op, "0 ≤ promptRows ≤ T");
        LaunchCheck.That(terms.IsEmpty || (TakesTerms(gateUp, down) && terms.Shape[0] == promptRows), Op, "terms of the prompt's rows, of weights that take them");
        if (shape[0] > 0)
        {
            Launch(x, terms, gateUp, down, gateLogit, add, scratch, output, promptRows);
        }
    }

    /// <summary>Whether a prompt's rows may come as terms alone.</summary>
    public virtual bool TakesTerms(LinearWeight gateUp, LinearWeight down) => false;

    private protected virtual void Launch(
        Tensor x, Tensor terms, LinearWeight gateUp, LinearWeight down, Tensor gateLogit, Tensor add, Tensor scratch, Tensor output, long promptRows) =>
        Launch(x, gateUp, down, gateLogit, add, scratch, output, promptRows);

    private protected abstract void Launch(
        Tensor x, LinearWeight gateUp, LinearWeight down, Tensor gateLogit, Tensor add, Tensor scratch, Tensor output, long promptRows);
}
