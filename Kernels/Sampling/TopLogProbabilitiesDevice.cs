using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The most likely tokens on a device.</summary>
internal sealed class TopLogProbabilitiesDevice(KernelStream stream) : TopLogProbabilities
{
    private protected override void Launch(Tensor logits, Tensor rows, Tensor best, Tensor bestValues, Tensor tokens, Tensor values) =>
        TopLogProbabilitiesLauncher.Launch(stream, logits, rows, best, bestValues, tokens, values);
}
