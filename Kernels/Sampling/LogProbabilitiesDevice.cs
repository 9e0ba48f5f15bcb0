using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Log-probabilities of chosen tokens on a device.</summary>
internal sealed class LogProbabilitiesDevice(KernelStream stream) : LogProbabilities
{
    private protected override void Launch(Tensor logits, Tensor best, Tensor tokens, Tensor values) =>
        LogProbabilitiesLauncher.Launch(stream, logits, best, tokens, values);
}
