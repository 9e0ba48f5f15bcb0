using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// y = x · rsqrt(mean(x²) + ε) · w · silu(z), per value head, in f32. The one norm whose weight is not 1 + w.
/// Source: Qwen3NextRMSNormGated in transformers.
/// </summary>
public abstract class GatedRmsNorm
{
    private protected const string Op = "gated_rms_norm";

    /// <summary>Normalises T rows of N heads of D values.</summary>
    /// <param name="x">f32 [T, N·D]; or bf16, where the op <see cref="TakesRounded"/> and terms are made.</param>
    /// <param name="z">Of the same type [T, N·D], rows may be strided.</param>
    /// <param name="weight">f32 [D], D ≥ 1; N follows.</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="output">f32 [T, N·D]; may be <paramref name="x"/>, or be empty where that is bf16.</param>
    /// <param name="terms">
    /// bf16 [T, P]: what <see cref="NormedTerms.Of"/> gave, where the op <see cref="MakesTerms"/>: the norm goes there, and what is in
    /// <paramref name="output"/> then means nothing. Or empty.
    /// </param>
    /// <param name="earlyRows">Rows of <paramref name="x"/> that were there before what was launched last began, see <see cref="GatedDeltaRule.EarlyRows"/>: less than T.</param>
    public void Run(Tensor x, Tensor z, Tensor weight, float epsilon, Tensor output, Tensor terms = default, long earlyRows = 0)
    {
        Shape shape = new(x.Shape[0], x.Shape[1]);
        DType type = x.Type == DType.BF16 && TakesRounded(weight) && !terms.IsEmpty ? DType.BF16 : DType.F32;
        LaunchCheck.Is(Op, nameof(x), x, type, shape, "[T, N*D]");
        LaunchCheck.Is(Op, nameof(z), z, type, shape, "[T, N*D]", strided: true);
        LaunchCheck.Is(Op, nameof(weight), weight, DType.F32, new Shape(weight.Shape.Count), "[D]");
        LaunchCheck.That(weight.Shape.Count > 0 && shape[1] % weight.Shape.Count == 0, Op, "whole heads in a row");
        if (type == DType.F32)
        {
            LaunchCheck.Is(Op, nameof(output), output, DType.F32, shape, "[T, N*D]");
        }

        LaunchCheck.That(terms.IsEmpty || (MakesTerms && terms.Shape[0] == shape[0]), Op, "terms of every row, on a device that makes them");
        LaunchCheck.That(earlyRows >= 0 && (earlyRows == 0 || earlyRows < shape[0]), Op, "0 ≤ earlyRows < T");
        if (shape[0] > 0 && terms.IsEmpty)
        {
            Launch(x, z, weight, epsilon, output);
        }
        else if (shape[0] > 0)
        {
            Launch(x, z, weight, epsilon, output, terms, (int)earlyRows);
        }
    }

    /// <summary>Whether the norm can go to what the product behind it multiplies.</summary>
    public virtual bool MakesTerms => false;

    /// <summary>Whether rows and gates may be bf16 where terms are made, which are those of the same numbers in f32.</summary>
    /// <param name="weight">f32 [D].</param>
    public virtual bool TakesRounded(Tensor weight) => false;

    private protected virtual void Launch(Tensor x, Tensor z, Tensor weight, float epsilon, Tensor output, Tensor terms, int earlyRows) =>
        throw new NotSupportedException("norms make no terms here");

    private protected abstract void Launch(Tensor x, Tensor z, Tensor weight, float epsilon, Tensor output);
}
