using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// <see cref="AddRmsNorm"/> of rows of which the first, a prompt's, also become what a device's products multiply, bf16 terms:
/// the products behind it then need no launch that makes them. Generated rows without prompts become theirs, pieces. The bits are
/// those of the norm, and of the terms that a product makes of it.
/// </summary>
public abstract class NormedTerms
{
    private protected const string Op = "normed_terms";

    /// <summary>Bytes of the terms of rows.</summary>
    /// <param name="rows">R.</param>
    /// <param name="width">H.</param>
    public abstract long Bytes(long rows, long width);

    /// <summary>Memory as the terms of rows.</summary>
    /// <param name="memory">i8 [n], n ≥ <see cref="Bytes"/>, 64-byte aligned.</param>
    /// <param name="rows">R.</param>
    /// <param name="width">H.</param>
    /// <returns>bf16 [R, P].</returns>
    public abstract Tensor Of(Tensor memory, long rows, long width);

    /// <summary>Bytes of the terms of generated rows.</summary>
    /// <param name="rows">T, more than 8.</param>
    /// <param name="width">H.</param>
    public virtual long PieceBytes(long rows, long width) => 0;

    /// <summary>
    /// Memory as the terms of generated rows, for a product that <see cref="Linear.TakesPieces"/>: of <see cref="RunGenerated"/>, or of another
    /// op that makes them, <see cref="PagedAttention"/> or <see cref="GeneratedDeltaNet"/>.
    /// </summary>
    /// <param name="memory">i8 [n], n ≥ <see cref="PieceBytes"/>, 64-byte aligned.</param>
    /// <param name="rows">T.</param>
    /// <param name="width">H.</param>
    public virtual Tensor Pieces(Tensor memory, long rows, long width) => throw new NotSupportedException("generated rows have no terms here");

    /// <summary>Adds and normalises T rows of width H.</summary>
    /// <param name="residual">f32 [T, H], updated in place where <paramref name="delta"/> is given.</param>
    /// <param name="delta">f32 [T, H], or an empty view for a plain norm.</param>
    /// <param name="weight">f32 [H].</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="output">f32 [T, H]: the norm.</param>
    /// <param name="terms">bf16 [R, P], R ≤ T: what <see cref="Of"/> gave.</param>
    /// <param name="areRead">Whether somebody reads the first R rows of <paramref name="output"/>, too: if not, they may stay as they are.</param>
    /// <param name="faults">i32 [T], or an empty view; see <see cref="AddRmsNorm.Run"/>.</param>
    /// <param name="place">This norm's number, above 0 where faults are noted.</param>
    /// <param name="rounded">bf16 [R, H]: what is added to the first R rows, which <paramref name="delta"/> then need not have, where the op <see cref="TakesRounded"/>; or empty.</param>
    public void Run(
        Tensor residual, Tensor delta, Tensor weight, float epsilon, Tensor output, Tensor terms, bool areRead, Tensor faults = default, int place = 0, Tensor rounded = default)
    {
        Shape shape = Check(residual, delta, weight, output, faults, place);
        if (!rounded.IsEmpty)
        {
            LaunchCheck.That(!delta.IsEmpty && TakesRounded(shape[1]), Op, "rows that may be rounded, and room for others");
            LaunchCheck.Is(Op, nameof(rounded), rounded, DType.BF16, new Shape(terms.Shape[0], shape[1]), "[R, H]");
        }

        LaunchCheck.That(terms.Shape[0] >= 1 && terms.Shape[0] <= shape[0] && terms.Bytes == Bytes(terms.Shape[0], shape[1]), Op, "terms of 1 … T rows");
        Launch(residual, delta, rounded, weight, epsilon, output, terms, areRead, faults, place);
    }

    /// <summary>Whether what is added to a prompt's rows may be bf16: the sums are those with the same numbers in f32.</summary>
    /// <param name="width">H.</param>
    public virtual bool TakesRounded(long width) => false;

    /// <summary>Adds and normalises T generated rows of width H into their terms.</summary>
    /// <param name="residual">f32 [T, H], updated in place where <paramref name="delta"/> is given.</param>
    /// <param name="delta">f32 [T, H], or an empty view for a plain norm.</param>
    /// <param name="weight">f32 [H].</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="output">f32 [T, H]: room for the norm.</param>
    /// <param name="pieces">What <see cref="Pieces"/> gave.</param>
    /// <param name="faults">i32 [T], or an empty view; see <see cref="AddRmsNorm.Run"/>.</param>
    /// <param name="place">This norm's number, above 0 where faults are noted.</param>
    public void RunGenerated(Tensor residual, Tensor delta, Tensor weight, float epsilon, Tensor output, Tensor pieces, Tensor faults = default, int place = 0)
    {
        Shape shape = Check(residual, delta, weight, output, faults, place);
        LaunchCheck.That(pieces.Bytes == PieceBytes(shape[0], shape[1]), Op, "terms of T rows");
        LaunchGenerated(residual, delta, weight, epsilon, output, pieces, faults, place);
    }

    private static Shape Check(Tensor residual, Tensor delta, Tensor weight, Tensor output, Tensor faults, int place)
    {
        Shape shape = new(residual.Shape[0], weight.Shape[0]);
        LaunchCheck.Is(Op, nameof(residual), residual, DType.F32, shape, "[T, H]");
        if (!delta.IsEmpty)
        {
            LaunchCheck.Is(Op, nameof(delta), delta, DType.F32, shape, "[T, H]");
        }

        LaunchCheck.Is(Op, nameof(weight), weight, DType.F32, new Shape(shape[1]), "[H]");
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, shape, "[T, H]");
        if (!faults.IsEmpty)
        {
            LaunchCheck.Is(Op, nameof(faults), faults, DType.I32, new Shape(shape[0]), "[T]");
            LaunchCheck.That(place > 0, Op, "a place above 0 to note faults under");
        }

        return shape;
    }

    private protected abstract void Launch(
        Tensor residual, Tensor delta, Tensor rounded, Tensor weight, float epsilon, Tensor output, Tensor terms, bool areRead, Tensor faults, int place);

    private protected virtual void LaunchGenerated(
        Tensor residual, Tensor delta, Tensor weight, float epsilon, Tensor output, Tensor pieces, Tensor faults, int place) =>
        throw new NotSupportedException("generated rows have no terms here");
}
