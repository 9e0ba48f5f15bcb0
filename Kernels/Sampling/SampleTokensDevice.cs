using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Sampling on a device. Only the device knows which rows ask for which filter, so each filter is queued for all rows, and
/// those that do not ask pass through.
/// </summary>
internal sealed class SampleTokensDevice(KernelStream stream) : SampleTokens
{
    private protected override void Launch(Tensor logits, Tensor rows, Tensor settings, Tensor topK, Tensor draws, Tensor tokens)
    {
        long width = logits.Shape[1];
        var scratch = new TokenScratch(stream, logits.Shape[0], width);
        float scale = MathF.ScaleB(1, WeightBits(width));
        SampleTokensLargestLauncher.Launch(stream, logits, scratch.Largest);
        SampleTokensBeginLauncher.Launch(stream, scratch.Largest, settings, topK, scratch.State, (int)width);
        scratch.Search(stream, logits, scale);
        SampleTokensCutLauncher.Launch(stream, scratch.State, scratch.List, scale);
        SampleTokensSearchLauncher.Launch(stream, logits, scratch.State, scale);
        SampleTokensSumsLauncher.Launch(stream, logits, settings, scratch.State, scratch.Weights, scale);
        SampleTokensDrawLauncher.Launch(stream, logits, rows, settings, draws, scratch.State, scratch.Weights, tokens, scale);
    }
}
