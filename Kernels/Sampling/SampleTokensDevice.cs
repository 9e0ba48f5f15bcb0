using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Sampling on a device. Only the device knows which rows ask for which filter, so each filter is queued for all rows, and
/// those that do not ask pass through.
/// </summary>
internal sealed class SampleTokensDevice(KernelStream stream) : SampleTokens
{
    // What the kernels hand on for each row: its largest logit, and the place where what is left ends.
    private const int StateColumns = 3;

    private protected override void Launch(Tensor logits, Tensor rows, Tensor settings, Tensor topK, Tensor draws, Tensor tokens)
    {
        var shape = new Shape(logits.Shape[0], StateColumns);
        var state = new Tensor(DType.I32, shape, stream.Scratch(sizeof(int) * shape.Count).Address);
        float scale = MathF.ScaleB(1, WeightBits(logits.Shape[1]));
        SampleTokensLargestLauncher.Launch(stream, logits, settings, topK, state);
        SampleTokensCutTopKLauncher.Launch(stream, logits, settings, topK, state, scale);
        SampleTokensCutTopPLauncher.Launch(stream, logits, settings, topK, state, scale);
        SampleTokensDrawLauncher.Launch(stream, logits, rows, settings, topK, draws, state, tokens, scale);
    }
}
