using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// <see cref="AddRmsNorm"/>, the router's <see cref="Linear"/> behind it, whose rows are never rounded, and <see cref="ExpertRouter"/>
/// in one launch, for the few generated rows that a device takes so; the bits are those of the three.
/// </summary>
public abstract class NormedRouter
{
    private const string Op = "normed_router";

    /// <summary>Whether the device takes such rows; where it does not, the ops run one by one.</summary>
    /// <param name="rows">T.</param>
    /// <param name="promptRows">How many of them are a prompt's.</param>
    /// <param name="weight">[N, H].</param>
    /// <param name="experts">E, at most N: the first outputs.</param>
    /// <param name="topK">K.</param>
    public abstract bool Takes(long rows, long promptRows, LinearWeight weight, long experts, long topK);

    /// <summary>Norms T rows, multiplies them and chooses.</summary>
    /// <param name="residual">f32 [T, H].</param>
    /// <param name="delta">f32 [T, H], or an empty view for a plain norm.</param>
    /// <param name="norm">f32 [H].</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="kept">f32 [T, H]: receives residual + delta; where <paramref name="residual"/> is, or apart from it.</param>
    /// <param name="normed">f32 [T, H]: receives the norm.</param>
    /// <param name="faults">i32 [T], or an empty view; see <see cref="AddRmsNorm.Run"/>.</param>
    /// <param name="place">This norm's number, above 0 where faults are noted.</param>
    /// <param name="choice">What the rows are multiplied by, and where the choice goes.</param>
    public void Run(Tensor residual, Tensor delta, Tensor norm, float epsilon, Tensor kept, Tensor normed, Tensor faults, int place, in RouterChoice choice)
    {
        Shape shape = new(residual.Shape[0], norm.Shape[0]);
        LaunchCheck.Is(Op, nameof(residual), residual, DType.F32, shape, "[T, H]");
        LaunchCheck.Is(Op, nameof(kept), kept, DType.F32, shape, "[T, H]");
        LaunchCheck.Is(Op, nameof(normed), normed, DType.F32, shape, "[T, H]");
        if (!delta.IsEmpty)
        {
            LaunchCheck.Is(Op, nameof(delta), delta, DType.F32, shape, "[T, H]");
        }

        if (!faults.IsEmpty)
        {
            LaunchCheck.Is(Op, nameof(faults), faults, DType.I32, new Shape(shape[0]), "[T]");
            LaunchCheck.That(place > 0, Op, "a place above 0 to note faults under");
        }

        LaunchCheck.That(
            (kept.Address == residual.Address && kept.RowStride == residual.RowStride) || AreApart(kept, residual), Op, "a place for the sum that is the residual's, or apart from it");
        LaunchCheck.That(AreApart(kept, delta), Op, "a place for the sum apart from what is added");
        LaunchCheck.That(AreApart(normed, residual) && AreApart(normed, delta) && AreApart(normed, kept), Op, "a place for the norm apart from all others");
        Check(shape, choice);
        Launch(residual, delta, norm, epsilon, kept, normed, faults, place, choice);
    }

    /// <summary>Multiplies T rows that are normed, and chooses.</summary>
    /// <param name="x">f32 [T, H].</param>
    /// <param name="choice">What they are multiplied by, and where the choice goes.</param>
    public void Run(Tensor x, in RouterChoice choice)
    {
        LaunchCheck.Is(Op, nameof(x), x, DType.F32, new Shape(x.Shape[0], choice.Weight.Inputs), "[T, H]");
        Check(x.Shape, choice);
        Launch(x, default, default, 0, default, default, default, 0, choice);
    }

    private void Check(Shape rows, in RouterChoice choice)
    {
        long topK = choice.Experts.Shape[1];
        LaunchCheck.That(choice.Weight.Inputs == rows[1], Op, "a weight [N, H]");
        LaunchCheck.That(topK >= 1 && topK <= choice.Count, Op, "1 ≤ K ≤ E");
        LaunchCheck.That(Takes(rows[0], 0, choice.Weight, choice.Count, topK), Op, "rows that the device norms, multiplies and chooses for in one launch");
        LaunchCheck.Is(Op, nameof(choice.Logits), choice.Logits, DType.F32, new Shape(rows[0], choice.Weight.Outputs), "[T, N]", strided: true);
        LaunchCheck.Is(Op, nameof(choice.Experts), choice.Experts, DType.I32, new Shape(rows[0], topK), "[T, K]");
        LaunchCheck.Is(Op, nameof(choice.Weights), choice.Weights, DType.F32, new Shape(rows[0], topK), "[T, K]");
    }

    // All groups read the rows, at any time.
    private static bool AreApart(in Tensor written, in Tensor read) =>
        written.IsEmpty || read.IsEmpty || written.Address + (nint)written.Bytes <= read.Address || read.Address + (nint)read.Bytes <= written.Address;

    private protected abstract void Launch(
        Tensor residual, Tensor delta, Tensor norm, float epsilon, Tensor kept, Tensor normed, Tensor faults, int place, in RouterChoice choice);
}
