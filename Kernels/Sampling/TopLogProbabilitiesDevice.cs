using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The most likely tokens on a device.</summary>
internal sealed class TopLogProbabilitiesDevice(KernelStream stream) : TopLogProbabilities
{
    private protected override void Launch(Tensor logits, Tensor rows, Tensor best, Tensor bestValues, Tensor tokens, Tensor values)
    {
        var scratch = new TokenScratch(stream, rows.Shape.Count, logits.Shape[1]);
        TopLogProbabilitiesBeginLauncher.Launch(stream, logits, rows, best, scratch.State, (int)tokens.Shape[1]);
        scratch.Search(stream, logits, 0);
        TopLogProbabilitiesLauncher.Launch(stream, logits, best, bestValues, scratch.State, scratch.List, tokens, values);
    }
}
