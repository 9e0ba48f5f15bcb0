using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// residual += delta; y = residual · rsqrt(mean(residual²) + ε) · (1 + w), per row, in f32.
/// Source: Qwen3NextRMSNorm in transformers (weights are stored around zero), with the residual add folded in.
/// The norms of a model see the residual stream after everything that adds to it, and sum its squares anyway; so they
/// also note, row by row, at which of them the stream first was not finite.
/// </summary>
public abstract class AddRmsNorm
{
    private const string Op = "add_rms_norm";

    /// <summary>Adds and normalises T rows of width H.</summary>
    /// <param name="residual">f32 [T, H], updated in place where <paramref name="delta"/> is given.</param>
    /// <param name="delta">f32 [T, H], or an empty view for a plain norm.</param>
    /// <param name="weight">f32 [H].</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="output">f32 [T, H], rows may be strided; may be <paramref name="residual"/> itself only where that is what the caller wants to lose.</param>
    /// <param name="faults">
    /// i32 [T], or an empty view. A norm without <paramref name="delta"/> begins a stream and sets every entry: to
    /// <paramref name="place"/> where Σ residual² is not finite, else to 0. One with it changes only entries that are 0.
    /// </param>
    /// <param name="place">This norm's number, above 0 where faults are noted.</param>
    public void Run(Tensor residual, Tensor delta, Tensor weight, float epsilon, Tensor output, Tensor faults = default, int place = 0)
    {
        Shape shape = new(residual.Shape[0], weight.Shape[0]);
        LaunchCheck.Is(Op, nameof(residual), residual, DType.F32, shape, "[T, H]");
        if (!delta.IsEmpty)
        {
            LaunchCheck.Is(Op, nameof(delta), delta, DType.F32, shape, "[T, H]");
        }

        LaunchCheck.Is(Op, nameof(weight), weight, DType.F32, new Shape(shape[1]), "[H]");
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, shape, "[T, H]", strided: true);
        if (!faults.IsEmpty)
        {
            LaunchCheck.Is(Op, nameof(faults), faults, DType.I32, new Shape(shape[0]), "[T]");
            LaunchCheck.That(place > 0, Op, "a place above 0 to note faults under");
        }

        if (shape[0] > 0)
        {
            Launch(residual, delta, weight, epsilon, output, faults, place);
        }
    }

    private protected abstract void Launch(Tensor residual, Tensor delta, Tensor weight, float epsilon, Tensor output, Tensor faults, int place);
}
