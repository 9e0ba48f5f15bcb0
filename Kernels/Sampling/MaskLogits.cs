using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Forbids tokens, in place: x ← −∞ where the token's bit is 0; the others keep their bits, whatever they are. Token v's
/// bit is bit v mod 32 of word v / 32.
/// </summary>
public abstract class MaskLogits
{
    private const string Op = "mask_logits";

    /// <summary>Bits of a word.</summary>
    public const int WordBits = 32;

    /// <summary>Words of a row's mask.</summary>
    public static long Words(long vocabulary) => (vocabulary + WordBits - 1) / WordBits;

    /// <summary>Masks M of the R rows.</summary>
    /// <param name="logits">f32 [R, V], rows end to end.</param>
    /// <param name="rows">i32 [M], each in 0 … R − 1 and none twice (the caller has checked them).</param>
    /// <param name="masks">i32 [M, ⌈V / 32⌉]; bits past the last token mean nothing.</param>
    public void Run(Tensor logits, Tensor rows, Tensor masks)
    {
        long all = logits.Shape[0], count = rows.Shape.Count;
        LaunchCheck.Is(Op, nameof(logits), logits, DType.F32, new Shape(all, logits.Shape[1]), "[R, V]");
        LaunchCheck.Is(Op, nameof(rows), rows, DType.I32, new Shape(count), "[M]");
        LaunchCheck.Is(Op, nameof(masks), masks, DType.I32, new Shape(count, Words(logits.Shape[1])), "[M, ⌈V/32⌉]");
        if (count > 0)
        {
            Launch(logits, rows, masks);
        }
    }

    private protected abstract void Launch(Tensor logits, Tensor rows, Tensor masks);
}
