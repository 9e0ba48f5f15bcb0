using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// y[t, n] = Σ_k x[t, k] · W[n, k]; f32 activations and sums, weights as they lie in the checkpoint.
/// One order of summation per class of rows, for every number of them: see <see cref="LinearWeight"/> for how W is held.
/// </summary>
public abstract class Linear
{
    private const string Op = "linear";

    /// <summary>Multiplies T rows.</summary>
    /// <param name="x">f32 [T, K], rows may be strided.</param>
    /// <param name="weight">[N, K].</param>
    /// <param name="output">f32 [T, N], rows may be strided.</param>
    /// <param name="promptRows">
    /// How many rows are a prompt's; they come first, generated rows follow. On a GPU the classes run on different
    /// instructions (see <see cref="RowClass"/>); a CPU has one order for both.
    /// </param>
    /// <param name="terms">
    /// bf16 [R, P]: what <see cref="NormedTerms"/> made of the prompt's rows, where the op <see cref="TakesTerms"/>; where there are none, of the
    /// generated ones, where it <see cref="TakesPieces"/>; else empty.
    /// </param>
    public void Run(Tensor x, LinearWeight weight, Tensor output, long promptRows, Tensor terms = default)
    {
        LaunchCheck.Is(Op, nameof(x), x, DType.F32, new Shape(x.Shape[0], weight.Inputs), "[T, K]", strided: true);
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, new Shape(x.Shape[0], weight.Outputs), "[T, N]", strided: true);
        LaunchCheck.That(promptRows >= 0 && promptRows <= x.Shape[0], Op, "0 ≤ promptRows ≤ T");
        LaunchCheck.That(
            terms.IsEmpty || (promptRows > 0 ? TakesTerms(weight) && terms.Shape[0] == promptRows : TakesPieces(weight, x.Shape[0])), Op, "terms of the prompt's rows, or of generated ones, of a weight that takes them");
        if (x.Shape[0] > 0)
        {
            Launch(x, terms, weight, output, promptRows);
        }
    }

    /// <summary>Whether products with some of a weight's outputs are, to the bit, what all of them give: sums may have an order of their own where outputs are few.</summary>
    /// <param name="weight">[N, K].</param>
    /// <param name="some">Of its outputs some, see <see cref="LinearWeight.Some"/>.</param>
    public virtual bool SumsAlike(LinearWeight weight, LinearWeight some) => true;

    /// <summary>Whether a prompt's rows may come as terms alone.</summary>
    public virtual bool TakesTerms(LinearWeight weight) => false;

    /// <summary>Whether so many rows, all generated, may come as terms alone.</summary>
    public virtual bool TakesPieces(LinearWeight weight, long rows) => false;

    /// <summary>Whether products of so many rows, all generated, may be left in slices of k, for <see cref="SummedNorm"/> to join.</summary>
    public virtual bool LeavesSlices(LinearWeight weight, long rows) => false;

    /// <summary>Multiplies T generated rows and leaves the products in slices of k.</summary>
    /// <param name="x">f32 [T, K], rows may be strided.</param>
    /// <param name="weight">[N, K], of which so many rows' products <see cref="LeavesSlices"/>.</param>
    /// <param name="terms">As for <see cref="Run"/>.</param>
    /// <returns>f32 [S·T, N], a slice's rows after the other's, in memory of the device that the next op may have.</returns>
    public Tensor RunInSlices(Tensor x, LinearWeight weight, Tensor terms = default)
    {
        LaunchCheck.Is(Op, nameof(x), x, DType.F32, new Shape(x.Shape[0], weight.Inputs), "[T, K]", strided: true);
        LaunchCheck.That(LeavesSlices(weight, x.Shape[0]), Op, "rows whose products may be left in slices");
        LaunchCheck.That(terms.IsEmpty || TakesPieces(weight, x.Shape[0]), Op, "terms of generated rows, of a weight that takes them");
        return LaunchInSlices(x, terms, weight);
    }

    /// <summary>Whether a prompt's products may be left rounded to bf16, but for the last outputs.</summary>
    /// <param name="weight">[N, K].</param>
    /// <param name="exact">How many of the outputs are left as f32 at the end.</param>
    public virtual bool LeavesRounded(LinearWeight weight, long exact) => false;

    /// <summary>Multiplies a prompt's rows and leaves the products rounded to the nearest bf16, ties to even, but for the last outputs: half the bytes for who reads them.</summary>
    /// <param name="x">f32 [T, K], rows may be strided.</param>
    /// <param name="weight">[N, K], which <see cref="LeavesRounded"/> with so many exact outputs.</param>
    /// <param name="rounded">bf16 [T, N − E].</param>
    /// <param name="exact">f32 [T, E].</param>
    /// <param name="terms">bf16 [T, P]: what <see cref="NormedTerms"/> made of the rows, where the op <see cref="TakesTerms"/>; or empty.</param>
    public void RunRounded(Tensor x, LinearWeight weight, Tensor rounded, Tensor exact, Tensor terms = default)
    {
        LaunchCheck.Is(Op, nameof(x), x, DType.F32, new Shape(x.Shape[0], weight.Inputs), "[T, K]", strided: true);
        LaunchCheck.That(LeavesRounded(weight, exact.Shape[1]), Op, "a weight whose products may be left rounded");
        LaunchCheck.Is(Op, nameof(rounded), rounded, DType.BF16, new Shape(x.Shape[0], weight.Outputs - exact.Shape[1]), "[T, N - E]");
        LaunchCheck.Is(Op, nameof(exact), exact, DType.F32, new Shape(x.Shape[0], exact.Shape[1]), "[T, E]");
        LaunchCheck.That(terms.IsEmpty || (TakesTerms(weight) && terms.Shape[0] == x.Shape[0]), Op, "terms of the rows, of a weight that takes them");
        if (x.Shape[0] > 0)
        {
            LaunchRounded(x, terms, weight, rounded, exact);
        }
    }

    private protected virtual void LaunchRounded(Tensor x, Tensor terms, LinearWeight weight, Tensor rounded, Tensor exact) =>
        throw new NotSupportedException("products are not left rounded here");

    private protected virtual Tensor LaunchInSlices(Tensor x, Tensor terms, LinearWeight weight) => throw new NotSupportedException("products are not left in slices here");

    private protected virtual void Launch(Tensor x, Tensor terms, LinearWeight weight, Tensor output, long promptRows) => Launch(x, weight, output, promptRows);

    private protected abstract void Launch(Tensor x, LinearWeight weight, Tensor output, long promptRows);
}
