using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// y[t, c] = silu(Σ_{i=0}^{W−1} w[c, i] · x[t − W + 1 + i, c]), depthwise and causal along each sequence; inputs before
/// the segment come from the sequence's history, or are zero before position 0. The history then holds the segment's
/// last W − 1 inputs (see <see cref="Segments.Pitch"/> for each row's). Taps are summed from the oldest to the newest. Source: causal_conv1d (Dao), as Qwen3-Next uses it.
/// </summary>
public abstract class CausalConvolution
{
    private protected const string Op = "causal_convolution";

    /// <summary>Convolves T rows of C channels.</summary>
    /// <param name="x">f32 [T, C], rows may be strided; or bf16, where the op <see cref="TakesRounded"/>: sums are then plain ones in f32.</param>
    /// <param name="weight">f32 [C, W], W = 2 … 8.</param>
    /// <param name="history">f32 [slots, W − 1, C], oldest first; read where a segment begins after position 0, then replaced.</param>
    /// <param name="segments">i32 [S, 4] or [S, 6], see <see cref="Segments"/>.</param>
    /// <param name="output">[T, C] of the type of <paramref name="x"/>, rounded to the nearest, ties to even; another memory.</param>
    public void Run(Tensor x, Tensor weight, Tensor history, Tensor segments, Tensor output)
    {
        long channels = weight.Shape[0], taps = weight.Shape[1];
        Shape shape = new(x.Shape[0], channels);
        LaunchCheck.Is(Op, nameof(x), x, x.Type == DType.BF16 && TakesRounded(weight) ? DType.BF16 : DType.F32, shape, "[T, C]", strided: true);
        LaunchCheck.Is(Op, nameof(weight), weight, DType.F32, new Shape(channels, taps), "[C, W]");
        LaunchCheck.That(taps is >= 2 and <= 8, Op, "2 to 8 taps");
        LaunchCheck.Is(Op, nameof(history), history, DType.F32, new Shape(history.Shape[0], taps - 1, channels), "[slots, W-1, C]");
        LaunchCheck.Is(Op, nameof(segments), segments, DType.I32, new Shape(segments.Shape[0], Segments.AreVersioned(segments) ? Segments.VersionedColumns : Segments.Columns), "[S, 4]");
        LaunchCheck.Is(Op, nameof(output), output, x.Type, shape, "[T, C]");
        if (shape[0] > 0 && segments.Shape[0] > 0)
        {
            Launch(x, weight, history, segments, output);
        }
    }

    /// <summary>Whether inputs, and with them outputs, of segments without versions may be bf16.</summary>
    /// <param name="weight">f32 [C, W].</param>
    public virtual bool TakesRounded(Tensor weight) => false;

    private protected abstract void Launch(Tensor x, Tensor weight, Tensor history, Tensor segments, Tensor output);
}
